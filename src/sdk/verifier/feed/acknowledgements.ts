// Tells the broker how far this verifier has come, so that it can say who knows of a kill; the answer tells the time.
import type { Channel } from '../../client/channel.js';
import type { StoreTime } from '../time/store-time.js';

export interface Position {
  readonly stream: string;
  readonly epoch: string;
  readonly asOf: number;
}

const PATH = '/v1/revocations/acknowledgements';
const EVERY_MS = 30_000;
const PATIENCE_MS = 5000;

export class Acknowledgements {
  readonly #channel: Channel;
  readonly #time: StoreTime;
  readonly #elapsed: () => number;
  #latest: Position | undefined;
  /** Something is to be told that was not yet. */
  #due = false;
  #timer: NodeJS.Timeout | undefined;
  /** When it goes off. */
  #at = 0;
  #sending: Promise<void> | undefined;
  #sentAt = -Infinity;
  #closed = false;

  constructor(channel: Channel, time: StoreTime, elapsed: () => number) {
    this.#channel = channel;
    this.#time = time;
    this.#elapsed = elapsed;
  }

  /** @param news whether a kill, or the first snapshot, was borne out by it */
  reached(position: Position, news: boolean, withinMs: number): void {
    this.#latest = position;
    this.#due ||= news || this.#elapsed() - this.#sentAt >= EVERY_MS;
    if (!this.#due || this.#sending || this.#closed || position.stream === '') return;
    // All verifiers hear of a kill in the same millisecond: they shall not all answer in the next.
    const ms = Math.random() * withinMs;
    const at = this.#elapsed() + ms;
    if (this.#timer && this.#at <= at) return;
    clearTimeout(this.#timer);
    this.#at = at;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#sending = this.#send().finally(() => {
        this.#sending = undefined;
      });
    }, ms).unref();
  }

  /** Lost ones are made up for by the next. */
  async #send(): Promise<void> {
    const { stream, epoch, asOf } = this.#latest!;
    this.#due = false;
    this.#sentAt = this.#elapsed();
    const asked = this.#time.moment();
    const json = { stream, epoch, as_of: asOf };
    try {
      const { text } = await this.#channel.send(
        { method: 'POST', path: PATH, json, as: 'caller', repeatable: true },
        { timeoutMs: PATIENCE_MS },
      );
      const { now } = JSON.parse(text) as { now?: unknown };
      if (Number.isSafeInteger(now)) this.#time.learn(now as number, asked);
    } catch {
      this.#due = true;
    }
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }
}
