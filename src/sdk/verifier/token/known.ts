// Credentials whose signature was checked, by the SHA-256 of their text: bounded, and never the text itself.
import type { ReadClaims } from './claims.js';

/** What never changes about a credential that was checked, and what was found out about kills. */
export interface Known extends Omit<ReadClaims, 'selectable'> {
  /** Of the key set by which it was verified. */
  readonly keysAt: number;
  readonly singleUse: boolean;
  /** Store time in milliseconds. */
  readonly issuedAt: number;
  /** The names by which a kill could mean it, as the feed has them. */
  readonly digests: readonly string[];
  /** Alive as far as the union of this generation goes. */
  aliveAt: number;
}

/** Two generations: what was not used while half of the places were taken goes first, at no cost for each. */
export class KnownTokens {
  #recent = new Map<string, Known>();
  #earlier = new Map<string, Known>();
  readonly #mostRecent: number;

  constructor(mostEntries: number) {
    this.#mostRecent = Math.ceil(mostEntries / 2);
  }

  get size(): number {
    return this.#recent.size + this.#earlier.size;
  }

  get(digest: string): Known | undefined {
    const recent = this.#recent.get(digest);
    if (recent) return recent;
    const earlier = this.#earlier.get(digest);
    if (earlier) this.put(digest, earlier);
    return earlier;
  }

  put(digest: string, known: Known): void {
    if (this.#recent.size >= this.#mostRecent) {
      this.#earlier = this.#recent;
      this.#recent = new Map();
    }
    this.#recent.set(digest, known);
  }
}
