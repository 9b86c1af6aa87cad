// The broker's time, by which tasks end: that of this machine may be wrong.

export class BrokerClock {
  /** How far the broker's time is ahead of ours, which nobody sets: at least so much, as each answer is a bit old. */
  #aheadMs = -Infinity;

  /** A moment that the broker says has come. */
  hear(time: number | undefined): void {
    if (time !== undefined) this.#aheadMs = Math.max(this.#aheadMs, time - performance.now());
  }

  /** Milliseconds until then: rather too many than too few. */
  until(time: string): number {
    return Date.parse(time) - (performance.now() + this.#aheadMs);
  }
}
