// The way to a broker: one request, its answer or why there is none, with a time-out and the caller's token.
import type { OAuthError, Problem } from '../wire/common.js';
import { isRequestId } from '../domain/ids.js';
import { EXIT, type ExitCode, Failure } from './failure.js';
import type { TokenSource } from './workload-token.js';

export interface Answer<Body> {
  readonly body: Body;
  /** As it came, for programs. */
  readonly text: string;
  /** The broker's time when it answered, in milliseconds. */
  readonly at: number;
}

/** The broker's "no", as far as it may be told. */
export class BrokerRefusal extends Failure {
  readonly status: number;

  constructor(exit: ExitCode, status: number, message: string, more: readonly string[]) {
    super(exit, message, more);
    this.name = 'BrokerRefusal';
    this.status = status;
  }
}

export type Query = Readonly<Record<string, string | number | undefined>>;

const PATIENCE_MS = 15_000;

export class Connection {
  readonly #url: string;
  readonly #token: TokenSource;
  readonly #called: string;

  /** @param called how the command is called, for what is proposed after a refusal */
  constructor(url: string, token: TokenSource, called: string) {
    this.#url = url;
    this.#token = token;
    this.#called = called;
  }

  get<Body>(path: string, query: Query = {}): Promise<Answer<Body>> {
    return this.#send('GET', path, { query });
  }

  /** `waitMs`: how much longer than usual the answer may take. */
  post<Body>(
    path: string,
    body: object,
    { query = {}, waitMs = 0 }: { query?: Query; waitMs?: number } = {},
  ): Promise<Answer<Body>> {
    const headers = { 'content-type': 'application/json' };
    return this.#send('POST', path, { query, waitMs, headers, body: JSON.stringify(body) });
  }

  /** An OAuth endpoint that authenticates its caller. */
  postForm<Body>(path: string, form: Readonly<Record<string, string>>): Promise<Answer<Body>> {
    return this.#send('POST', path, { body: new URLSearchParams(form) });
  }

  /** The token endpoint, where the token is the form's and not the caller's (RFC 8693 §2.1). */
  exchange<Body>(form: Readonly<Record<string, string>>): Promise<Answer<Body>> {
    const body = new URLSearchParams({ ...form, subject_token: this.#token().reveal() });
    return this.#send('POST', '/token', { body, anonymous: true });
  }

  delete<Body>(path: string): Promise<Answer<Body>> {
    return this.#send('DELETE', path, {});
  }

  async #send<Body>(
    method: string,
    path: string,
    {
      query = {},
      body,
      headers = {},
      waitMs = 0,
      anonymous = false,
    }: {
      query?: Query;
      body?: string | URLSearchParams;
      headers?: Record<string, string>;
      waitMs?: number;
      anonymous?: boolean;
    },
  ): Promise<Answer<Body>> {
    const patienceMs = PATIENCE_MS + waitMs;
    const credentials = anonymous ? {} : { authorization: `Bearer ${this.#token().reveal()}` };
    let response: Response;
    let text: string;
    try {
      response = await fetch(`${this.#url}${path}${queryText(query)}`, {
        method,
        headers: { accept: 'application/json, application/problem+json', ...headers, ...credentials },
        ...(body !== undefined && { body }),
        // A redirect would carry the token to wherever it points.
        redirect: 'manual',
        signal: AbortSignal.timeout(patienceMs),
      });
      text = await response.text();
    } catch (error) {
      throw unreachable(this.#url, error, patienceMs);
    }
    if (response.ok) return { body: this.#read<Body>(text), text: text.trimEnd(), at: timeOf(response) };
    throw refusalOf(response, text, this.#called);
  }

  #read<Body>(text: string): Body {
    try {
      return JSON.parse(text) as Body;
    } catch {
      throw new Failure(
        EXIT.unavailable,
        `what answers at ${this.#url} is no Mayfly broker: it sent no JSON`,
      );
    }
  }
}

function queryText(query: Query): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) given.set(name, String(value));
  }
  return given.size === 0 ? '' : `?${given.toString()}`;
}

const timeOf = (response: Response): number => {
  const at = Date.parse(response.headers.get('date') ?? '');
  // The header has whole seconds: where clocks agree, ours is the finer one.
  return Number.isNaN(at) || Math.abs(at - Date.now()) < 2000 ? Date.now() : at;
};

const WHY_NOT: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'the connection broke',
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'the name of the host cannot be looked up',
};

function unreachable(url: string, error: unknown, patienceMs: number): Failure {
  const { name, message, cause } = error as Error;
  const { code, message: causeMessage } = (cause ?? {}) as Partial<NodeJS.ErrnoException>;
  const why =
    name === 'TimeoutError'
      ? `no answer within ${patienceMs / 1000} s`
      : (WHY_NOT[code ?? ''] ?? code ?? causeMessage ?? message);
  return new Failure(EXIT.unavailable, `the broker at ${url} cannot be reached: ${why}`);
}

function exitFor(status: number): ExitCode {
  if (status >= 500) return EXIT.unavailable;
  if (status === 401 || status === 403) return EXIT.denied;
  return status === 404 ? EXIT.notFound : EXIT.refused;
}

/** From problem details (RFC 9457), an OAuth error (RFC 6749 §5.2), or whatever stands between us and the broker. */
function refusalOf(response: Response, text: string, called: string): BrokerRefusal {
  const { status } = response;
  const said = saidIn(text);
  const message = said.title ?? said.error_description ?? said.error ?? `answered with status ${status}`;
  const kind = said.type?.replace(/^urn:mayfly:problem:/, '') ?? said.error;
  const more = said.flaws?.map(({ at, message: flaw }) => `  ${at}: ${flaw}`) ?? [];
  if (more.length === 0 && said.detail !== undefined) more.push(`  ${said.detail}`);
  const requestId = response.headers.get('x-request-id') ?? '';
  if (isRequestId(requestId)) {
    more.push(`  request ${requestId}, status ${[status, kind].filter(Boolean).join(' ')}`);
    more.push(`  an operator or an auditor finds out more: ${called} why ${requestId}`);
  } else {
    more.push(`  status ${status}, and no request id: this may not be the broker's own answer`);
  }
  return new BrokerRefusal(exitFor(status), status, message, more);
}

function saidIn(text: string): Partial<Problem & OAuthError> {
  try {
    const said: unknown = JSON.parse(text);
    return said !== null && typeof said === 'object' ? said : {};
  } catch {
    return {};
  }
}
