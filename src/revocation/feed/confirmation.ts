// What the latest look at the store has shown: until when all is known here, and what time it is there at the most.
import type { Store } from '../../store/store.js';

export interface Confirmed {
  readonly epoch: string;
  readonly asOf: number;
  /** The store's time at the most, when `began` had passed here. */
  readonly now: number;
  readonly began: number;
}

export interface ConfirmationTerms {
  readonly store: Store;
  /** Milliseconds that have passed, those of a suspended machine with them: a promise must not look younger than it is. */
  readonly elapsed: () => number;
  readonly heartbeatMs: number;
  /** The store has lost something, and brokers have written back what they know, however long ago it was killed. */
  readonly epochLeft: (now: number) => void;
}

export class Confirmation {
  readonly #terms: ConfirmationTerms;
  #epoch: string | undefined;
  #latest: Confirmed | undefined;
  #underWay: Promise<Confirmed> | undefined;
  #time: { readonly now: number; readonly began: number } | undefined;

  constructor(terms: ConfirmationTerms) {
    this.#terms = terms;
  }

  get latest(): Confirmed | undefined {
    return this.#latest;
  }

  /** The store's time at the most; Infinity before the first look. */
  get now(): number {
    return this.#time
      ? this.#time.now + Math.ceil(this.#terms.elapsed() - this.#time.began)
      : Number.POSITIVE_INFINITY;
  }

  /** What time it is there, and nothing more. @throws StoreUnavailable */
  async readTime(): Promise<number> {
    const began = this.#terms.elapsed();
    const now = await this.#terms.store.now();
    this.#time = { now, began };
    return now;
  }

  /** What is known so far was read in this epoch. */
  begin(epoch: string): void {
    this.#epoch ??= epoch;
  }

  /** One that is no older than a heartbeat. @throws StoreUnavailable */
  fresh(): Promise<Confirmed> {
    const { elapsed, heartbeatMs } = this.#terms;
    const latest = this.#latest;
    if (latest && elapsed() - latest.began < heartbeatMs) return Promise.resolve(latest);
    return this.renew();
  }

  /** Of whatever age. @throws StoreUnavailable */
  any(): Promise<Confirmed> {
    return this.#latest ? Promise.resolve(this.#latest) : this.renew();
  }

  /** @throws StoreUnavailable */
  renew(): Promise<Confirmed> {
    const began = this.#terms.elapsed();
    this.#underWay ??= this.#terms.store
      .asOf()
      .then((found) => this.#learn({ ...found, began }))
      .finally(() => (this.#underWay = undefined));
    return this.#underWay;
  }

  #learn(found: Confirmed): Confirmed {
    this.#latest = found;
    this.#time = found;
    if (this.#epoch !== undefined && this.#epoch !== found.epoch) this.#terms.epochLeft(found.now);
    this.#epoch = found.epoch;
    return found;
  }
}
