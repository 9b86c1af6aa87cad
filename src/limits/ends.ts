// When things end that live for a while: how many are left, never too few, in little room however many there are.

/** Ends are kept to a sixteenth of the life: of those that live equally long there are seventeen at most. */
const PARTS_OF_A_LIFE = 16;

interface Bucket {
  /** By now all of them have ended. */
  at: number;
  count: number;
}

/**
 * An upper bound by construction: each end is written down as late as or later than it comes, and of what ends before
 * its time the entry that would have ended first is dropped, whichever it was of. So what is left outlives, one for one,
 * what is really there.
 */
export class Ends {
  /** By their time. */
  readonly #buckets: Bucket[] = [];
  #count = 0;

  /** How many are left at `now`. */
  count(now: number): number {
    let over = 0;
    for (const { at, count } of this.#buckets) {
      if (at > now) break;
      this.#count -= count;
      over++;
    }
    if (over > 0) this.#buckets.splice(0, over);
    return this.#count;
  }

  /** One more, which ends in `lifeMs`. */
  add(now: number, lifeMs: number): void {
    const step = Math.max(1, 2 ** Math.ceil(Math.log2(Math.max(1, lifeMs) / PARTS_OF_A_LIFE)));
    const at = Math.ceil((now + lifeMs) / step) * step;
    let place = this.#buckets.length;
    while (place > 0 && this.#buckets[place - 1]!.at > at) place--;
    const same = this.#buckets[place - 1];
    if (same?.at === at) same.count++;
    else this.#buckets.splice(place, 0, { at, count: 1 });
    this.#count++;
  }

  /** So many fewer: those that would have ended first. Answers how many there were to drop. */
  drop(count: number): number {
    let left = count;
    while (left > 0 && this.#buckets.length > 0) {
      const first = this.#buckets[0]!;
      const taken = Math.min(left, first.count);
      first.count -= taken;
      left -= taken;
      if (first.count === 0) this.#buckets.shift();
    }
    this.#count -= count - left;
    return count - left;
  }

  /** When the next of them has surely ended, or undefined where nothing is left. */
  get next(): number | undefined {
    return this.#buckets[0]?.at;
  }
}
