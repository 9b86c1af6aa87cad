// One stream from the broker: asked for, read, and given up when it falls silent.
import { type Channel, whyNot } from '../../client/channel.js';
import { MayflyError } from '../../client/errors.js';
import type { Moment } from '../time/elapsed.js';
import { EventStream, StreamFlaw } from './event-stream.js';
import type { Knowledge } from './knowledge.js';
import type { MessageTerms } from './message.js';
import type { Open } from './opening.js';
import { type Heard, Reading, type Step } from './reading.js';

/** Until the first signed message: an intermediary that holds everything back is found out by it. */
const FIRST_MESSAGE_MS = 5000;
const HEARTBEATS_MISSED = 3;
/** Changes that wait for a heartbeat: more are gone through without it. */
const MOST_WAITING = 256;
const LEAST_SILENCE_MS = 100;
const PATH = '/v1/revocations/stream';

export interface ConnectionTerms extends MessageTerms {
  readonly channel: Channel;
  readonly open: Open;
  readonly knowledge: Knowledge;
}

/** How it ended. */
export interface Ending {
  readonly reason: string;
  /** What is known may not be resumed from: a whole snapshot is needed. */
  readonly anew?: true;
  /** What the stream said was not borne out. */
  readonly odd?: true;
  /** Try again at once: a nonce was asked for, and has come. */
  readonly atOnce?: true;
  readonly retryAfterMs?: number;
}

export interface Told {
  /** Of kills, as soon as they are heard of. */
  heard(): void;
  /** Of each step that is a signed message; an answer is an order to end. */
  step(step: Step, stream: string): Ending | undefined;
}

export class Connection {
  readonly #terms: ConnectionTerms;
  readonly #told: Told;
  readonly #asked: Moment;
  readonly #reading: Reading;
  readonly #abort = new AbortController();
  readonly #events = new EventStream();
  /** Heard, and not accounted for yet. */
  #waiting: Heard[] = [];
  #accounted: Promise<void> = Promise.resolve();
  #ending: Ending | undefined;
  #silence: NodeJS.Timeout | undefined;
  #silenceMs = FIRST_MESSAGE_MS;

  constructor(terms: ConnectionTerms, told: Told) {
    this.#terms = terms;
    this.#told = told;
    this.#asked = terms.knowledge.time.moment();
    this.#reading = new Reading(terms.knowledge, terms, this.#asked);
  }

  /** @param resumeFrom absent: a whole snapshot. Never rejects */
  async follow(resumeFrom: string | undefined): Promise<Ending> {
    this.#listen();
    const ended = new Promise<void>((resolve) => {
      this.#abort.signal.addEventListener('abort', () => resolve(), { once: true });
    });
    try {
      // Also where it waits for something that nobody can abort: a source of tokens that never answers.
      await Promise.race([this.#read(resumeFrom), ended]);
    } catch (error) {
      if (error instanceof StreamFlaw) this.end({ reason: error.message, anew: true, odd: true });
      this.end({ reason: `the connection failed: ${whyOf(error)}` });
    }
    clearTimeout(this.#silence);
    this.#abort.abort();
    return this.#ending!;
  }

  /** The first reason counts. */
  end(ending: Ending): void {
    this.#ending ??= ending;
    this.#abort.abort();
  }

  async #read(resumeFrom: string | undefined): Promise<void> {
    const { channel, open } = this.#terms;
    const url = `${channel.url}${PATH}`;
    const headers = {
      accept: 'text/event-stream',
      'cache-control': 'no-store',
      ...(resumeFrom !== undefined && { 'last-event-id': resumeFrom }),
      ...(await channel.caller.headers({ method: 'GET', as: 'caller' }, url)),
    };
    const opened = await open(url, headers, this.#abort.signal);
    const nonceCame = channel.caller.keepNonce(opened);
    const { status } = opened;
    const type = opened.headers.get('content-type') ?? '';
    if (status !== 200 || !type.startsWith('text/event-stream')) {
      opened.leave();
      const retryAfter = Number(opened.headers.get('retry-after') ?? NaN);
      return this.end({
        reason: status === 200 ? 'what answers there is no feed' : statusReason(status),
        ...(nonceCame && status === 401 && { atOnce: true }),
        ...(retryAfter >= 0 && { retryAfterMs: retryAfter * 1000 }),
      });
    }
    const stream = opened.headers.get('mayfly-stream') ?? '';
    await opened.read((chunk) => this.#take(chunk, stream));
    await this.#accounted;
    this.end({ reason: 'the broker closed the connection' });
  }

  /**
   * Kills count at once. What is owed to them, the chain that a heartbeat bears out, is reckoned when that has come: where
   * many verifiers share a machine, the first must not do it while the last has not heard.
   */
  #take(chunk: Uint8Array, stream: string): void {
    for (const event of this.#events.take(chunk)) {
      const heard = this.#reading.hear(event);
      this.#waiting.push(heard);
      const kills = heard.kind === 'change' && heard.change !== undefined;
      if (kills && !this.#ending) this.#told.heard();
      if (!kills || this.#waiting.length >= MOST_WAITING)
        this.#accounted = this.#accounted.then(() => this.#account(stream));
    }
  }

  async #account(stream: string): Promise<void> {
    try {
      for (const heard of this.#waiting.splice(0)) {
        // What follows something odd is not asked for any more.
        if (this.#ending) return;
        this.#step(await this.#reading.take(heard), stream);
      }
    } catch (error) {
      this.end({ reason: whyOf(error), anew: true, odd: true });
    }
  }

  #step(step: Step, stream: string): void {
    if (this.#ending) return;
    if (step.kind === 'odd') return this.end({ reason: step.reason, anew: true, odd: true });
    if (step.kind === 'end') {
      const anew = step.reason === 'slow' || step.reason === 'resync';
      return this.end({ reason: `the broker ended it: ${step.reason}`, ...(anew && { anew }) });
    }
    if (step.kind === 'nothing') return;
    if (step.kind === 'heartbeat') this.#silenceMs = step.heartbeat.heartbeatMs * HEARTBEATS_MISSED;
    this.#listen();
    const order = this.#told.step(step, stream);
    if (order) this.end(order);
  }

  /** Bytes are no sign of life: only what is signed is. */
  #listen(): void {
    clearTimeout(this.#silence);
    const ms = Math.max(this.#silenceMs, LEAST_SILENCE_MS);
    this.#silence = setTimeout(() => this.end({ reason: `nothing signed came for ${ms} ms` }), ms).unref();
  }
}

function whyOf(error: unknown): string {
  // Ours say it themselves: there is no workload token, say.
  if (error instanceof MayflyError) return error.message;
  return whyNot(error);
}

/** What a broker means by it, for whoever sets the verifier up. */
const MEANINGS: Readonly<Record<number, string>> = {
  401: 'the workload token is not accepted',
  403: 'the workload token has not the role verifier',
  404: 'there is no feed at that address',
};

function statusReason(status: number): string {
  const meaning = MEANINGS[status];
  return `answered with status ${status}${meaning === undefined ? '' : `: ${meaning}`}`;
}
