// Calls that tools saw, told to the broker's audit log in the background: bounded, in batches, and never in a call's way.
import { randomUUID } from 'node:crypto';
import type { Channel } from '../client/channel.js';
import { MayflyError } from '../client/errors.js';
import { inForm, type ReportedCall } from './reported-call.js';

const PATH = '/v1/audit/tool-calls';
const FLUSH_AFTER_MS = 500;
const FLUSH_FROM = 100;
const MOST_IN_BATCH = 500;
/** A broker takes half a megabyte, and a character may be three bytes. */
const MOST_BATCH_CHARACTERS = 150_000;
const MOST_WAITING = 10_000;
/** Whoever sends garbage must not push out what was accepted. */
const MOST_WAITING_WITHOUT_LEASE = MOST_WAITING / 2;
const LEAST_PAUSE_MS = 250;
const MOST_PAUSE_MS = 30_000;
const TELL_AFTER_MS = 1000;
const PATIENCE_MS = 5000;
/** What a broker would say again, however often it is asked. */
const POINTLESS: ReadonlySet<number> = new Set([400, 404, 405, 413, 422]);
/** Something in it is wrong, or it is too much: half of it may be neither. */
const DIVISIBLE: ReadonlySet<number> = new Set([400, 413, 422]);

const UNWRITABLE = -1;
const LATER = { call: undefined, size: 0 };

const NOT_OURS = 'answered with status 404: the workload token has not the role verifier for that tool';

interface Batch {
  readonly id: string;
  readonly calls: readonly object[];
  readonly dropped: number;
}

export class Reports {
  readonly #channel: Channel;
  readonly #lostSome: (count: number, reason: string) => void;
  #waiting: ReportedCall[] = [];
  /** Made, and not taken yet. */
  readonly #batches: Batch[] = [];
  /** Lost, and not told to the broker yet. */
  #dropped = 0;
  #lost = 0;
  #untold = 0;
  /** Of those that were lost last. */
  #reason = '';
  #telling: NodeJS.Timeout | undefined;
  #failures = 0;
  #timer: NodeJS.Timeout | undefined;
  #sending: Promise<void> | undefined;
  #closed = false;

  constructor(channel: Channel, lostSome: (count: number, reason: string) => void) {
    this.#channel = channel;
    this.#lostSome = lostSome;
  }

  get waiting(): number {
    return this.#batches.reduce((sum, { calls }) => sum + calls.length, this.#waiting.length);
  }

  get lost(): number {
    return this.#lost;
  }

  add(call: ReportedCall): void {
    const most = call.lease === undefined ? MOST_WAITING_WITHOUT_LEASE : MOST_WAITING;
    if (this.#waiting.length >= most) return this.#lose(1, 'more wait than are kept');
    const waiting = this.#waiting.push(call);
    if (this.#sending || this.#failures > 0) return;
    if (waiting === FLUSH_FROM) this.#after(0);
    else if (!this.#timer) this.#after(FLUSH_AFTER_MS);
  }

  /** What is there is sent once more; what is not taken then is lost. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#sending;
    while (this.waiting > 0 && this.#failures === 0) await this.#send();
    if (this.waiting > 0) this.#lose(this.waiting, 'the verifier was closed');
    this.#tell();
  }

  #after(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#sending = this.#send().finally(() => {
        this.#sending = undefined;
        if (!this.#closed) this.#next();
      });
    }, ms).unref();
  }

  #next(): void {
    if (this.waiting === 0) return;
    if (this.#failures === 0) {
      const atOnce = this.#batches.length > 0 || this.#waiting.length >= FLUSH_FROM;
      return this.#after(atOnce ? 0 : FLUSH_AFTER_MS);
    }
    const longest = Math.min(MOST_PAUSE_MS, LEAST_PAUSE_MS * 2 ** Math.min(this.#failures, 10));
    this.#after(longest * (0.5 + Math.random() / 2));
  }

  /** The same batch under the same name until it is taken: it is recorded once. */
  async #send(): Promise<void> {
    if (this.#batches.length === 0) {
      const made = this.#made();
      if (made.calls.length === 0) return;
      this.#batches.push(made);
    }
    const { id, calls, dropped } = this.#batches[0]!;
    const json = { batch: id, ...(dropped > 0 && { dropped }), calls };
    try {
      await this.#channel.send(
        { method: 'POST', path: PATH, json, as: 'caller', repeatable: true },
        { timeoutMs: PATIENCE_MS },
      );
      this.#dropped -= dropped;
      this.#batches.shift();
    } catch (error) {
      const status = error instanceof MayflyError ? (error.status ?? 0) : 0;
      if (!POINTLESS.has(status)) {
        this.#failures++;
        return;
      }
      this.#batches.shift();
      if (calls.length > 1 && DIVISIBLE.has(status)) this.#batches.unshift(...halves(calls));
      else this.#lose(calls.length, status === 404 ? NOT_OURS : `answered with status ${status}`);
    }
    this.#failures = 0;
  }

  /** Of one tool: a broker takes none of a batch in which one call is of a tool that is not ours. */
  #made(): Batch {
    const calls: object[] = [];
    const left: ReportedCall[] = [];
    const tool = this.#waiting[0]?.tool;
    let characters = 0;
    let isFull = false;
    for (const waiting of this.#waiting) {
      const { call, size } = isFull || waiting.tool !== tool ? LATER : weighed(waiting);
      if (size === UNWRITABLE) {
        this.#lose(1, 'something in it cannot be written as JSON');
        continue;
      }
      characters += size;
      isFull ||= calls.length === MOST_IN_BATCH || (characters > MOST_BATCH_CHARACTERS && calls.length > 0);
      if (call && !isFull) calls.push(call);
      else left.push(waiting);
    }
    this.#waiting = left;
    return { id: randomUUID(), calls, dropped: this.#dropped };
  }

  #lose(count: number, reason: string): void {
    this.#reason = reason;
    this.#lost += count;
    this.#dropped += count;
    this.#untold += count;
    this.#telling ??= setTimeout(() => this.#tell(), TELL_AFTER_MS).unref();
  }

  /** Many are lost at once where any are: told together. */
  #tell(): void {
    clearTimeout(this.#telling);
    this.#telling = undefined;
    if (this.#untold > 0) this.#lostSome(this.#untold, this.#reason);
    this.#untold = 0;
  }
}

/** What a program put into it that is no JSON, as a `bigint`, loses itself alone, and never ends the program. */
function weighed(waiting: ReportedCall): { readonly call?: object; readonly size: number } {
  try {
    const call = inForm(waiting);
    return { call, size: JSON.stringify(call).length };
  } catch {
    return { size: UNWRITABLE };
  }
}

function halves(calls: readonly object[]): Batch[] {
  const half = Math.ceil(calls.length / 2);
  return [calls.slice(0, half), calls.slice(half)].map((part) => ({
    id: randomUUID(),
    calls: part,
    dropped: 0,
  }));
}
