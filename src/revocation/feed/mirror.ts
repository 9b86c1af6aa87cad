// What the feed says: every kill in force, by the digest of its selector.
import type { FeedEntry } from '../../domain/feed.js';
import { selectorDigest } from '../../domain/feed.js';
import type { Revocation } from '../../domain/revocation.js';
import { RevocationSet } from '../../domain/revocation.js';
import { selectorText } from '../../domain/selector.js';

/** Kills of these are committed in the one slot that their `at` is of; every other takes its time, from slot to slot. */
const AT_ONCE: ReadonlySet<Revocation['kind']> = new Set(['lease', 'task']);

export class Mirror {
  readonly #issuer: string;
  readonly #kills = new RevocationSet();
  readonly #digests = new Map<string, string>();

  constructor(issuer: string) {
    this.#issuer = issuer;
  }

  get size(): number {
    return this.#digests.size;
  }

  /** The entry that is new by it, if one is. */
  add(kill: Revocation): FeedEntry | undefined {
    return this.#kills.add(kill) ? this.#entry(kill) : undefined;
  }

  all(): FeedEntry[] {
    return this.#kills.all().map((kill) => this.#entry(kill));
  }

  /** What whoever knew everything as of `asOf` may not know yet. `marginMs`: by how much clocks of slots may disagree. */
  since(asOf: number, marginMs: number): FeedEntry[] {
    return this.#kills
      .all()
      .filter(({ kind, at }) => !AT_ONCE.has(kind) || at >= asOf - marginMs)
      .map((kill) => this.#entry(kill));
  }

  /** Forgets what can name nothing alive any more. */
  prune(now: number): void {
    this.#kills.prune(now);
    for (const text of this.#digests.keys()) if (!this.#kills.hasText(text)) this.#digests.delete(text);
  }

  #entry(kill: Revocation): FeedEntry {
    const text = selectorText(kill);
    let digest = this.#digests.get(text);
    if (digest === undefined) this.#digests.set(text, (digest = selectorDigest(this.#issuer, kill)));
    return [digest, kill.cutoff === Infinity ? null : kill.cutoff, kill.mootAt];
  }
}
