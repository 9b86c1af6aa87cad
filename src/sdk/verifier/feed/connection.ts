// One stream from the broker: asked for, read, and given up when it falls silent.
import { type Channel, whyNot } from '../../client/channel.js';
import { MayflyError } from '../../client/errors.js';
import type { Moment } from '../time/elapsed.js';
import { EventStream, StreamFlaw } from './event-stream.js';
import type { Knowledge } from './knowledge.js';
import type { MessageTerms } from './message.js';
import { Reading, type Step } from './reading.js';

/** Until the first signed message: an intermediary that holds everything back is found out by it. */
const FIRST_MESSAGE_MS = 5000;
const HEARTBEATS_MISSED = 3;
const LEAST_SILENCE_MS = 100;
const PATH = '/v1/revocations/stream';

export interface ConnectionTerms extends MessageTerms {
  readonly channel: Channel;
  readonly fetch: typeof fetch;
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
  /** Of each step that is a signed message; an answer is an order to end. */
  step(step: Step, stream: string): Ending | undefined;
}

export class Connection {
  readonly #terms: ConnectionTerms;
  readonly #told: Told;
  readonly #asked: Moment;
  readonly #reading: Reading;
  readonly #abort = new AbortController();
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
    const { channel, fetch: fetched } = this.#terms;
    const url = `${channel.url}${PATH}`;
    const response = await fetched(url, {
      headers: {
        accept: 'text/event-stream',
        'cache-control': 'no-store',
        ...(resumeFrom !== undefined && { 'last-event-id': resumeFrom }),
        ...(await channel.caller.headers({ method: 'GET', as: 'caller' }, url)),
      },
      redirect: 'manual',
      signal: this.#abort.signal,
    });
    const nonceCame = channel.caller.keepNonce(response);
    const type = response.headers.get('content-type') ?? '';
    if (!response.ok || !response.body || !type.startsWith('text/event-stream')) {
      await response.body?.cancel();
      const retryAfter = Number(response.headers.get('retry-after') ?? NaN);
      return this.end({
        reason: response.ok ? 'what answers there is no feed' : statusReason(response.status),
        ...(nonceCame && response.status === 401 && { atOnce: true }),
        ...(retryAfter >= 0 && { retryAfterMs: retryAfter * 1000 }),
      });
    }
    const stream = response.headers.get('mayfly-stream') ?? '';
    const events = new EventStream();
    let taken: Promise<unknown> = Promise.resolve();
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      for (const event of events.take(chunk)) {
        const heard = this.#reading.hear(event);
        taken = taken
          // What follows something odd is not asked for any more.
          .then(async () => this.#ending ?? this.#step(await this.#reading.take(heard), stream))
          .catch((error: unknown) => this.end({ reason: whyOf(error), anew: true, odd: true }));
      }
      if (this.#ending) break;
    }
    await taken;
    this.end({ reason: 'the broker closed the connection' });
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
    if (step.kind !== 'change') this.#listen();
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
