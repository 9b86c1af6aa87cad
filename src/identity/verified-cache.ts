// Tokens that were verified a moment ago: bounded, at most a minute old, void when the issuer's keys change.
import { MINUTE_MS } from '../domain/duration.js';
import type { VerifiedPrincipal } from '../domain/principal.js';
import type { KeySource } from './key-source.js';

const MOST_AGE_MS = MINUTE_MS;

interface Entry {
  readonly principal: VerifiedPrincipal;
  readonly source: KeySource;
  readonly version: number;
  readonly until: number;
}

/** The least recently used goes first. Holds digests of tokens, never the tokens. */
export class VerifiedCache {
  readonly #entries = new Map<string, Entry>();
  readonly #mostEntries: number;

  constructor(mostEntries: number) {
    this.#mostEntries = mostEntries;
  }

  get(digest: string, now: number): VerifiedPrincipal | undefined {
    const entry = this.#entries.get(digest);
    if (!entry) return undefined;
    this.#entries.delete(digest);
    if (now >= entry.until || entry.source.version !== entry.version) return undefined;
    this.#entries.set(digest, entry);
    return entry.principal;
  }

  put(principal: VerifiedPrincipal, source: KeySource, now: number): void {
    const until = Math.min(now + MOST_AGE_MS, principal.expiresAt);
    this.#entries.set(principal.tokenDigest, { principal, source, version: source.version, until });
    if (this.#entries.size > this.#mostEntries) this.#entries.delete(this.#entries.keys().next().value!);
  }

  get size(): number {
    return this.#entries.size;
  }
}
