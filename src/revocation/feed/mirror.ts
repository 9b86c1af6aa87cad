// What the feed says: every kill in force, by the digest of its selector.
import type { FeedEntry } from '../../domain/feed.js';
import { selectorDigest } from '../../domain/feed.js';
import type { Revocation } from '../../domain/revocation.js';
import { RevocationSet } from '../../domain/revocation.js';
import { selectorText } from '../../domain/selector.js';

/** Kills of these are committed in the one slot that their `at` is of; every other takes its time, from slot to slot. */
const AT_ONCE: ReadonlySet<Revocation['kind']> = new Set(['lease', 'task']);

interface Told {
  readonly digest: string;
  /**
   * No later than this was it in the store, in store time. Its own `at` may be long before: what a store has lost is
   * written back as it was, and the second kill of a name keeps the beginning of the first.
   */
  readonly learnedAt: number;
}

export class Mirror {
  readonly #issuer: string;
  readonly #kills = new RevocationSet();
  readonly #told = new Map<string, Told>();

  constructor(issuer: string) {
    this.#issuer = issuer;
  }

  get size(): number {
    return this.#told.size;
  }

  /** The entry that is new by it, if one is. `now`: the store's time at the most. */
  add(kill: Revocation, now: number): FeedEntry | undefined {
    if (!this.#kills.add(kill)) return undefined;
    const text = selectorText(kill);
    const digest = this.#told.get(text)?.digest ?? selectorDigest(this.#issuer, kill);
    this.#told.set(text, { digest, learnedAt: Math.max(now, kill.at) });
    return this.#entry(kill);
  }

  /** All that is known may have come into the store as late as now. */
  learnAnew(now: number): void {
    for (const [text, { digest }] of this.#told) this.#told.set(text, { digest, learnedAt: now });
  }

  all(): FeedEntry[] {
    return this.#kills.all().map((kill) => this.#entry(kill));
  }

  /** What whoever knew everything as of `asOf` may not know yet. `marginMs`: by how much clocks of slots may disagree. */
  since(asOf: number, marginMs: number): FeedEntry[] {
    return this.#kills
      .all()
      .filter((kill) => !AT_ONCE.has(kill.kind) || this.#toldOf(kill).learnedAt >= asOf - marginMs)
      .map((kill) => this.#entry(kill));
  }

  /** Forgets what can name nothing alive any more. */
  prune(now: number): void {
    this.#kills.prune(now);
    for (const text of this.#told.keys()) if (!this.#kills.hasText(text)) this.#told.delete(text);
  }

  #toldOf(kill: Revocation): Told {
    return this.#told.get(selectorText(kill))!;
  }

  #entry(kill: Revocation): FeedEntry {
    return [this.#toldOf(kill).digest, kill.cutoff === Infinity ? null : kill.cutoff, kill.mootAt];
  }
}
