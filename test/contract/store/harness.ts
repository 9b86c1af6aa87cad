// What an adapter brings to the store's contract: a way to open it, to crash it, and to be done with it.
import type { Clock } from '../../../src/domain/clock.js';
import { DAY_MS, MINUTE_MS } from '../../../src/domain/duration.js';
import type { Retention, Store } from '../../../src/store/store.js';

export interface StoreTerms {
  readonly retention: Retention;
  readonly clockSkewMs: number;
}

export const TERMS: StoreTerms = {
  retention: { taskMs: 30 * DAY_MS, leaseMs: DAY_MS, auditMs: 365 * DAY_MS },
  clockSkewMs: MINUTE_MS,
};

export interface StoreHarness {
  /** How many random stories are told, where each takes its time. */
  readonly stories?: number;
  /** A store of its own, empty, that takes its time from `clock`. */
  open(clock: Clock, terms: StoreTerms): Promise<Store>;
  /** Opens anew, with `clock`, what a kill -9 at this very instant would leave. The store given is gone. */
  crash(store: Store, clock: Clock): Promise<Store>;
  /** Another broker on the same store, where there can be one. */
  beside?(store: Store, clock: Clock): Promise<Store>;
  /** Ends everything that was opened. */
  close(): Promise<void>;
}

/** Time that passes when the test says so, in either direction. */
export class SettableClock implements Clock {
  /** A whole second, so that the arithmetic of `exp` can be read off the numbers in a test. */
  #now = Date.UTC(2030, 0, 1);

  now(): number {
    return this.#now;
  }

  advance(ms: number): void {
    this.#now += ms;
  }
}
