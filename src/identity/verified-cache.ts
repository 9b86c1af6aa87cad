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

/**
 * What was not used while half of the places were taken goes first. Holds digests of tokens, never the tokens.
 * Two maps, because one that loses its oldest entry for every new one takes ever longer to find its oldest.
 */
export class VerifiedCache {
  #recent = new Map<string, Entry>();
  #earlier = new Map<string, Entry>();
  readonly #mostRecent: number;

  constructor(mostEntries: number) {
    this.#mostRecent = Math.ceil(mostEntries / 2);
  }

  get(digest: string, now: number): VerifiedPrincipal | undefined {
    const recent = this.#recent.get(digest);
    const entry = recent ?? this.#earlier.get(digest);
    if (!entry || now >= entry.until || !entry.source.holds(entry.key)) return undefined;
    if (!recent) this.#keep(digest, entry);
    return entry.principal;
  }

  /** Until the token would be refused, and never past its `exp`: the tolerance is for clocks, not for a cache. */
  put(principal: VerifiedPrincipal, { source, key }: VerifiedBy, goodUntil: number, now: number): void {
    const until = Math.min(now + MOST_AGE_MS, goodUntil, principal.expiresAt);
    if (until <= now) return;
    this.#keep(principal.tokenDigest, { principal, source, key, until });
  }

  #keep(digest: string, entry: Entry): void {
    if (this.#recent.size >= this.#mostRecent) {
      this.#earlier = this.#recent;
      this.#recent = new Map();
    }
    this.#recent.set(digest, entry);
  }
}
