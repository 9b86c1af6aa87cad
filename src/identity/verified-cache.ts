// Tokens that were verified a moment ago: bounded, at most a minute old, void when the issuer's keys change.
import type { KeyObject } from 'node:crypto';
import { MINUTE_MS } from '../domain/duration.js';
import type { VerifiedPrincipal } from '../domain/principal.js';
import type { KeySource } from './key-source.js';

const MOST_AGE_MS = MINUTE_MS;

/** By which key of which issuer it was verified: when the issuer has it no more, the token is checked anew. */
export interface VerifiedBy {
  readonly source: Pick<KeySource, 'holds'>;
  readonly key: KeyObject;
}

interface Entry extends VerifiedBy {
  readonly principal: VerifiedPrincipal;
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
    if (now >= entry.until || !entry.source.holds(entry.key)) return undefined;
    this.#entries.set(digest, entry);
    return entry.principal;
  }

  /** Until the token would be refused, and never past its `exp`: the tolerance is for clocks, not for a cache. */
  put(principal: VerifiedPrincipal, { source, key }: VerifiedBy, goodUntil: number, now: number): void {
    const until = Math.min(now + MOST_AGE_MS, goodUntil, principal.expiresAt);
    if (until <= now) return;
    this.#entries.set(principal.tokenDigest, { principal, source, key, until });
    if (this.#entries.size > this.#mostEntries) this.#entries.delete(this.#entries.keys().next().value!);
  }
}
