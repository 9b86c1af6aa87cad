// What a verifier knows of kills, over all its connections: which there are, up to when that is complete, how old it is.
import type { Moment } from '../time/elapsed.js';
import type { StoreTime } from '../time/store-time.js';
import type { Standing } from './message.js';
import { Union } from './union.js';

const MOST_PAST_EPOCHS = 64;
/** It goes through all of them. */
const PRUNE_EVERY_MS = 10_000;

export class Knowledge {
  readonly union = new Union();
  readonly time: StoreTime;
  readonly #pastEpochs: string[] = [];
  #epoch: string | undefined;
  /** Everything that was committed before this store time is in the union. */
  #asOf = -Infinity;
  #prunedAt = 0;

  constructor(time: StoreTime) {
    this.time = time;
  }

  get ready(): boolean {
    return this.#epoch !== undefined;
  }

  /** Infinity before the first snapshot. Never less than the truth, whatever happened to this machine's clocks. */
  get stalenessMs(): number {
    return this.stalenessAt(this.time.now());
  }

  /** @param now what `time` said a moment ago */
  stalenessAt(now: number): number {
    return this.ready ? Math.max(0, now - this.#asOf) : Infinity;
  }

  /** From where on a stream is to be resumed: the last point that was proven, not what the stream said since. */
  get resumeFrom(): string | undefined {
    return this.position && `${this.position.epoch}.${this.position.asOf}`;
  }

  get position(): { readonly epoch: string; readonly asOf: number } | undefined {
    return this.#epoch === undefined ? undefined : { epoch: this.#epoch, asOf: this.#asOf };
  }

  /** Whether what was left out of a snapshot, as older than `since`, is known here. */
  reaches(epoch: string, since: number): boolean {
    return epoch === this.#epoch && this.#asOf >= since;
  }

  /** A store that was left behind: whoever speaks for it lags, or shows old messages again. */
  isPast(epoch: string): boolean {
    return this.#pastEpochs.includes(epoch);
  }

  /**
   * A signed message was borne out. What is known is never less for it: in the same epoch a message that is older than
   * another changes nothing.
   *
   * @returns false where its time contradicts what was known of the store's
   */
  proven({ epoch, asOf, now }: Standing, asked: Moment): boolean {
    if (epoch !== this.#epoch) {
      if (this.#epoch !== undefined) this.#leave(this.#epoch);
      this.#epoch = epoch;
      this.#asOf = asOf;
    } else if (asOf > this.#asOf) this.#asOf = asOf;
    const agrees = this.time.learn(now, asked);
    this.time.reached(asOf);
    if (Math.abs(this.#asOf - this.#prunedAt) >= PRUNE_EVERY_MS) {
      this.#prunedAt = this.#asOf;
      this.union.prune(this.#asOf);
    }
    return agrees;
  }

  #leave(epoch: string): void {
    this.time.forget();
    this.#pastEpochs.push(epoch);
    if (this.#pastEpochs.length > MOST_PAST_EPOCHS) this.#pastEpochs.shift();
  }
}
