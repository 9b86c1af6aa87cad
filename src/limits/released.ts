// Leases that were ended by name a moment ago: one that is ended twice at the same time has ended once.
import type { LeaseId } from '../domain/ids.js';

const MOST_REMEMBERED = 10_000;

export class Released {
  #recent = new Set<LeaseId>();
  #earlier = new Set<LeaseId>();

  /** True for the first who says so. */
  first(id: LeaseId): boolean {
    if (this.#recent.has(id) || this.#earlier.has(id)) return false;
    if (this.#recent.size >= MOST_REMEMBERED) {
      this.#earlier = this.#recent;
      this.#recent = new Set();
    }
    this.#recent.add(id);
    return true;
  }
}
