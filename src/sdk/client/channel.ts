// One request after another to one broker: sent, waited for within bounds, sent again only where that is safe.
import { Caller, type CallerOptions } from './caller.js';
import { MayflyError, refusalOf } from './errors.js';
import { brokerUrl, type Query, queryText } from './broker-url.js';
import { pause, unlessEnded } from './pause.js';

export interface ClientOptions extends CallerOptions {
  /** The broker, with the path that it is under if there is one. https, unless it is on this machine. */
  readonly url: string;
  /** How long one answer may take: 15,000 ms. */
  readonly timeoutMs?: number;
  /** How often a call is sent again after a 429 or 503 that says when, where that is safe: twice. */
  readonly retries?: number;
  /** The longest that is waited before sending again; where the broker asks for more, the call fails: 5,000 ms. */
  readonly longestRetryWaitMs?: number;
  /** W3C Trace Context: the header to send, asked anew at each call. */
  readonly traceparent?: () => string | undefined;
  /** Told of every answer, also of those after which the call is sent again. */
  readonly onAnswer?: (answer: AnswerFacts) => void;
  readonly fetch?: typeof fetch;
  /** Sends tokens over http to another machine. */
  readonly dangerouslyPlainHttp?: boolean;
}

export interface CallOptions {
  /** Ends the call; its reason is thrown. */
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
  readonly traceparent?: string;
}

/** What is known of an answer beside its body, for a log or a clock. */
export interface AnswerFacts {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly requestId?: string;
  /** The broker's `Date`, in milliseconds: whole seconds. */
  readonly brokerTime?: number;
  readonly tookMs: number;
}

export interface Outgoing {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly query?: Query;
  readonly json?: object;
  /** A function where it holds the token, which is asked for at each sending: one may be good once only. */
  readonly form?: URLSearchParams | (() => Promise<URLSearchParams>);
  /** Whose token goes along: the caller's as a header, or nobody's. */
  readonly as: 'caller' | 'nobody';
  /** What comes of it is bound to the client's key, if it has one. */
  readonly binds?: true;
  /** Doing it twice is as good as once: it may be sent again when a broker says that it was too busy. */
  readonly repeatable: boolean;
  /** How much longer than usual the answer may take. */
  readonly waitMs?: number;
  /** A status beside 2xx that is an answer and no refusal. */
  readonly alsoGood?: number;
}

export interface Incoming {
  readonly status: number;
  readonly text: string;
}

const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

export class Channel {
  readonly #url: string;
  readonly #options: ClientOptions;
  /** Who calls. */
  readonly caller: Caller;

  /** @throws MayflyError `ERR_USAGE` for a URL that no token should be sent to */
  constructor(options: ClientOptions) {
    this.#url = brokerUrl(options.url, options.dangerouslyPlainHttp);
    this.#options = options;
    this.caller = new Caller(options);
  }

  get url(): string {
    return this.#url;
  }

  async send(outgoing: Outgoing, call: CallOptions): Promise<Incoming> {
    const { retries = 2, longestRetryWaitMs = 5000 } = this.#options;
    for (let sent = 1; ; sent++) {
      const answer = await this.#sendWithNonce(outgoing, call);
      if (!(answer instanceof MayflyError)) return answer;
      const waitMs = answer.retryAfterMs ?? Infinity;
      if (sent > retries || waitMs > longestRetryWaitMs || !mayRepeat(outgoing, answer)) throw answer;
      // Not all of those who were told the same come back at the same moment.
      await pause(waitMs + Math.random() * 200, call.signal);
    }
  }

  /** Nothing was done yet where a nonce is asked for (RFC 9449 §8): once more, with the one that came. */
  async #sendWithNonce(outgoing: Outgoing, call: CallOptions): Promise<Incoming | MayflyError> {
    const { answer, nonceCame } = await this.#sendOnce(outgoing, call);
    return nonceCame ? (await this.#sendOnce(outgoing, call)).answer : answer;
  }

  /** `nonceCame`: it was refused for want of the nonce that came with the refusal. */
  async #sendOnce(
    outgoing: Outgoing,
    call: CallOptions,
  ): Promise<{ answer: Incoming | MayflyError; nonceCame: boolean }> {
    const { method, path, query = {}, alsoGood } = outgoing;
    const patienceMs = (call.timeoutMs ?? this.#options.timeoutMs ?? 15_000) + (outgoing.waitMs ?? 0);
    const patience = AbortSignal.timeout(patienceMs);
    const signal = call.signal ? AbortSignal.any([call.signal, patience]) : patience;
    const url = `${this.#url}${path}${queryText(query)}`;
    const { headers, form } = await this.#shown(outgoing, call, url, signal);
    const body = form ?? (outgoing.json && JSON.stringify(outgoing.json));
    const began = performance.now();
    let response: Response;
    let text: string;
    try {
      response = await (this.#options.fetch ?? fetch)(url, {
        method,
        headers,
        ...(body !== undefined && { body }),
        // A redirect would carry the token to wherever it points.
        redirect: 'manual',
        signal,
      });
      text = await response.text();
    } catch (error) {
      call.signal?.throwIfAborted();
      throw this.#unreachable(error, patience.aborted ? patienceMs : undefined);
    }
    this.#options.onAnswer?.(factsOf(outgoing, response, performance.now() - began));
    const { status } = response;
    if (response.ok || status === alsoGood) {
      this.caller.keepNonce(response);
      return { answer: { status, text }, nonceCame: false };
    }
    const refusal = refusalOf(response, text, Date.now());
    return { answer: refusal, nonceCame: this.caller.keepNonce(response, refusal) };
  }

  /** Also a source of tokens that never answers is waited for no longer: whoever calls would be held up for good. */
  async #shown(
    outgoing: Outgoing,
    call: CallOptions,
    url: string,
    signal: AbortSignal,
  ): Promise<{ headers: Record<string, string>; form: URLSearchParams | undefined }> {
    const gather = async () => {
      const headers = { ...this.#headersOf(outgoing, call), ...(await this.caller.headers(outgoing, url)) };
      return { headers, form: typeof outgoing.form === 'function' ? await outgoing.form() : outgoing.form };
    };
    try {
      return await unlessEnded(gather(), signal);
    } catch (error) {
      if (!signal.aborted || error !== signal.reason) throw error;
      call.signal?.throwIfAborted();
      throw new MayflyError('ERR_TOKEN_SOURCE', 'the workload token did not come in time', {}, error);
    }
  }

  #headersOf({ json }: Outgoing, call: CallOptions): Record<string, string> {
    const traceparent = call.traceparent ?? this.#options.traceparent?.();
    if (traceparent !== undefined && !TRACEPARENT.test(traceparent)) {
      throw new MayflyError('ERR_USAGE', 'a traceparent is 00-<32 hex>-<16 hex>-<2 hex> (W3C Trace Context)');
    }
    return {
      accept: 'application/json, application/problem+json, text/plain;q=0.5',
      ...(json && { 'content-type': 'application/json' }),
      ...(traceparent !== undefined && { traceparent }),
    };
  }

  #unreachable(error: unknown, patienceMs: number | undefined): MayflyError {
    if (patienceMs !== undefined) {
      const message = `the broker at ${this.#url} cannot be reached: no answer within ${patienceMs / 1000} s`;
      return new MayflyError('ERR_TIMEOUT', message, {}, error);
    }
    const message = `the broker at ${this.#url} cannot be reached: ${whyNot(error)}`;
    return new MayflyError('ERR_UNREACHABLE', message, {}, error);
  }
}

/**
 * A 429 is said before anything was done. After a 503 something may have been done that was not acknowledged: only what
 * is as good twice as once is sent again, and a credential is never asked for twice.
 */
const mayRepeat = ({ repeatable }: Outgoing, { status }: MayflyError): boolean =>
  status === 429 || (status === 503 && repeatable);

function factsOf({ method, path }: Outgoing, response: Response, tookMs: number): AnswerFacts {
  const requestId = response.headers.get('x-request-id');
  const brokerTime = Date.parse(response.headers.get('date') ?? '');
  return {
    method,
    path,
    status: response.status,
    ...(requestId !== null && { requestId }),
    ...(!Number.isNaN(brokerTime) && { brokerTime }),
    tookMs,
  };
}

const WHY_NOT: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'the connection broke',
  UND_ERR_SOCKET: 'the connection broke',
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'the name of the host cannot be looked up',
};

/** Why there was no answer, for a person. */
export function whyNot(error: unknown): string {
  const { message, cause } = error as Error;
  const { code, message: causeMessage } = (cause ?? error) as { code?: string; message?: string };
  return WHY_NOT[code ?? ''] ?? (typeof code === 'string' ? code : (causeMessage ?? message));
}
