// The time of the broker's store, as an upper bound that is reckoned here: no clock of anybody's is believed for it.
import type { Elapsed, Moment } from './elapsed.js';

/** Two good clocks drift apart by no more than this share. */
const DRIFT = 0.0002;
/** A message that is so much older than it can be was not made just now. */
const TOLERANCE_MS = 200;

export class StoreTime {
  readonly #elapsed: Elapsed;
  /** The store's time was at most `now` when `at` had passed. */
  #most: { readonly now: number; readonly at: number } | undefined;
  /** It was at least `asOf` when `at` had passed. */
  #least: { readonly asOf: number; readonly at: number } | undefined;

  constructor(elapsed: Elapsed) {
    this.#elapsed = elapsed;
  }

  /** Before a request is sent whose answer will tell the time. */
  moment(): Moment {
    return this.#elapsed.moment();
  }

  /** At most; Infinity while nothing is known. */
  now(): number {
    return this.#most ? boundAt(this.#most, this.#elapsed.most()) : Infinity;
  }

  /**
   * `now` was an upper bound when an answer was made that was asked for after `asked`. The smallest bound counts. False
   * where it lies below what the store's time was already known to be: whoever shows old messages again would make what is
   * old look young by it.
   */
  learn(now: number, asked: Moment): boolean {
    const { most, least } = this.#elapsed.moment();
    const offered = { now, at: asked.most };
    const offer = boundAt(offered, most);
    if (this.#least && offer < this.#leastAt(least) - TOLERANCE_MS) return false;
    if (!this.#most || offer < boundAt(this.#most, most)) this.#most = offered;
    return true;
  }

  /** A signed message that is here by now says that the store's time had come to `asOf`. */
  reached(asOf: number): void {
    const at = this.#elapsed.moment().least;
    if (!this.#least || asOf > this.#leastAt(at)) this.#least = { asOf, at };
  }

  /** A store that lost its state starts anew, and so does its time. */
  forget(): void {
    this.#most = undefined;
    this.#least = undefined;
  }

  #leastAt(moment: number): number {
    return this.#least!.asOf + (moment - this.#least!.at) * (1 - DRIFT);
  }
}

const boundAt = ({ now, at }: { readonly now: number; readonly at: number }, moment: number): number =>
  now + (moment - at) * (1 + DRIFT);
