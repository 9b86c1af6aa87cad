// Keys of proofs by their thumbprints, made ready to verify: making one ready costs as much as a signature.
import type { KeyObject } from 'node:crypto';

/** What was not used while half of the places were taken goes first: see `identity/verified-cache.ts`. */
export class KeyCache {
  #recent = new Map<string, KeyObject>();
  #earlier = new Map<string, KeyObject>();
  readonly #mostRecent: number;

  constructor(mostEntries: number) {
    this.#mostRecent = Math.ceil(mostEntries / 2);
  }

  get(thumbprint: string): KeyObject | undefined {
    const recent = this.#recent.get(thumbprint);
    if (recent) return recent;
    const earlier = this.#earlier.get(thumbprint);
    if (earlier) this.put(thumbprint, earlier);
    return earlier;
  }

  put(thumbprint: string, key: KeyObject): void {
    if (this.#recent.size >= this.#mostRecent) {
      this.#earlier = this.#recent;
      this.#recent = new Map();
    }
    this.#recent.set(thumbprint, key);
  }
}
