// Calls that tools saw, told to the broker's audit log in the background: bounded, in batches, and never in a call's way.
import { randomUUID } from 'node:crypto';
import type { Channel } from '../client/channel.js';
import { MayflyError } from '../client/errors.js';

export interface ReportedCall {
  /** Milliseconds since 1970, by this machine's clock. */
  readonly at: number;
  readonly tool: string;
  readonly action?: string | undefined;
  readonly resource?: string | undefined;
  readonly outcome: 'accepted' | 'refused';
  /** A code without `ERR_`, in small letters. */
  readonly reason?: string;
  readonly lease?: string;
  readonly task?: string;
  readonly agent?: string;
  /** Of what was shown, where it is no credential. */
  readonly token_digest?: string;
  readonly detail?: Readonly<Record<string, string | number | boolean>> | undefined;
}

const PATH = '/v1/audit/tool-calls';
const FLUSH_AFTER_MS = 500;
const FLUSH_FROM = 100;
const MOST_IN_BATCH = 500;
const MOST_WAITING = 10_000;
/** Whoever sends garbage must not push out what was accepted. */
const MOST_WAITING_WITHOUT_LEASE = MOST_WAITING / 2;
const LEAST_PAUSE_MS = 250;
const MOST_PAUSE_MS = 30_000;
const TELL_AFTER_MS = 1000;
const PATIENCE_MS = 5000;
/** What a broker would say again, however often it is asked. */
const POINTLESS: ReadonlySet<number> = new Set([400, 404, 405, 413, 422]);

export class Reports {
  readonly #channel: Channel;
  readonly #lostSome: (count: number) => void;
  #waiting: ReportedCall[] = [];
  #batch: { readonly id: string; readonly calls: readonly ReportedCall[]; dropped: number } | undefined;
  /** Lost, and not told to the broker yet. */
  #dropped = 0;
  #lost = 0;
  #untold = 0;
  #telling: NodeJS.Timeout | undefined;
  #failures = 0;
  #timer: NodeJS.Timeout | undefined;
  #sending: Promise<void> | undefined;
  #closed = false;

  constructor(channel: Channel, lostSome: (count: number) => void) {
    this.#channel = channel;
    this.#lostSome = lostSome;
  }

  get waiting(): number {
    return this.#waiting.length + (this.#batch?.calls.length ?? 0);
  }

  get lost(): number {
    return this.#lost;
  }

  add(call: ReportedCall): void {
    const most = call.lease === undefined ? MOST_WAITING_WITHOUT_LEASE : MOST_WAITING;
    if (this.#waiting.length >= most) return this.#lose(1);
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
    if (this.waiting > 0) this.#lose(this.waiting);
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
    if (this.#failures === 0) return this.#after(this.#waiting.length >= FLUSH_FROM ? 0 : FLUSH_AFTER_MS);
    const longest = Math.min(MOST_PAUSE_MS, LEAST_PAUSE_MS * 2 ** Math.min(this.#failures, 10));
    this.#after(longest * (0.5 + Math.random() / 2));
  }

  /** The same batch under the same name until it is taken: it is recorded once. */
  async #send(): Promise<void> {
    this.#batch ??= {
      id: randomUUID(),
      calls: this.#waiting.splice(0, MOST_IN_BATCH),
      dropped: this.#dropped,
    };
    const { id, calls, dropped } = this.#batch;
    const json = {
      batch: id,
      ...(dropped > 0 && { dropped }),
      calls: calls.map((call) => ({ ...call, at: new Date(call.at).toISOString() })),
    };
    try {
      await this.#channel.send(
        { method: 'POST', path: PATH, json, as: 'caller', repeatable: true },
        { timeoutMs: PATIENCE_MS },
      );
      this.#dropped -= dropped;
    } catch (error) {
      if (!(error instanceof MayflyError && POINTLESS.has(error.status ?? 0))) {
        this.#failures++;
        return;
      }
      this.#lose(calls.length);
    }
    this.#failures = 0;
    this.#batch = undefined;
  }

  #lose(count: number): void {
    this.#lost += count;
    this.#dropped += count;
    this.#untold += count;
    this.#telling ??= setTimeout(() => this.#tell(), TELL_AFTER_MS).unref();
  }

  /** Many are lost at once where any are: told together. */
  #tell(): void {
    clearTimeout(this.#telling);
    this.#telling = undefined;
    if (this.#untold > 0) this.#lostSome(this.#untold);
    this.#untold = 0;
  }
}
