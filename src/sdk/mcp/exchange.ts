// One exchange with the server behind us: it lives no longer than the credential that it was made with.
import { CredentialRefused } from '../verifier/index.js';
import type { Shows } from './listing.js';
import { narrowedEvents, narrowedList } from './listing.js';
import { requestIdIn } from './message.js';

/** The form that `createMcpHandler` gives, and that transports have as `handleRequest`. */
export interface McpFetch {
  fetch(request: Request, given?: McpGiven): Promise<Response>;
}

export interface McpGiven {
  readonly authInfo?: AuthInfo;
  readonly parsedBody?: unknown;
}

/** What the server package hands on to tools as `ctx.http.authInfo`. */
export interface AuthInfo {
  token: string;
  clientId: string;
  scopes: string[];
  expiresAt?: number;
  resource?: URL;
  resourceMetadataUrl?: string;
  extra?: Record<string, unknown>;
}

export interface Exchange {
  readonly server: McpFetch;
  readonly request: Request;
  readonly body: object | undefined;
  readonly authInfo: AuthInfo;
  /** Aborts when the credential dies that it is made with. */
  readonly death: AbortSignal;
  /** Nothing is left that could be cut off. */
  readonly settled: () => void;
  readonly shows: Shows;
  /** An answer that came when nobody was waiting for it any more. */
  readonly unwanted: (answer: Response) => void;
}

/**
 * What the server answers; undefined where the credential died before it did. With the credential ends what is left of the
 * answer, and the signal of the tool that is still at work.
 */
export async function exchanged(exchange: Exchange): Promise<Response | undefined> {
  const { death, settled, unwanted } = exchange;
  const answer = answerOf(exchange);
  try {
    const first = await Promise.race([answer, aborted(death)]);
    const whole = first && !death.aborted ? await tied(first, exchange) : undefined;
    if (whole) return whole;
  } catch (error) {
    settled();
    if (!death.aborted) throw error;
  }
  settled();
  answer.then(unwanted, () => undefined);
  return undefined;
}

async function answerOf({ server, request, body, authInfo, death }: Exchange): Promise<Response> {
  const signal = AbortSignal.any([request.signal, death]);
  const headers = new Headers(request.headers);
  // MCP forbids passing it on (Authorization, Token Passthrough): what never arrives cannot be sent further by a tool.
  headers.delete('authorization');
  headers.delete('dpop');
  if (body === undefined) {
    const bare = new Request(request.url, { method: request.method, headers, signal });
    return server.fetch(bare, { authInfo });
  }
  const text = JSON.stringify(body);
  headers.set('content-length', String(Buffer.byteLength(text)));
  headers.delete('content-encoding');
  headers.set('content-type', 'application/json');
  const same = new Request(request.url, { method: request.method, headers, signal, body: text });
  return server.fetch(same, { authInfo, parsedBody: body });
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
}

async function tied(
  answer: Response,
  { death, settled, shows, request, body: asked }: Exchange,
): Promise<Response | undefined> {
  const { status, statusText, body } = answer;
  const headers = new Headers(answer.headers);
  if (body === null) {
    settled();
    return answer;
  }
  const type = headers.get('content-type') ?? '';
  if (type.startsWith('application/json')) {
    const text = narrowedList(await answer.text(), shows);
    if (death.aborted) return undefined;
    settled();
    headers.delete('content-length');
    return new Response(text, { status, statusText, headers });
  }
  const lasting = cut(body, [death, request.signal], settled);
  if (!type.startsWith('text/event-stream')) return new Response(lasting, { status, statusText, headers });
  const id = asked && requestIdIn(asked);
  // Without it, a client waits for an answer that nobody will give.
  const lastWord = (): object | undefined =>
    death.aborted && id !== undefined ? cutOff(id, death.reason) : undefined;
  return new Response(lasting.pipeThrough(narrowedEvents(shows, lastWord)), { status, statusText, headers });
}

function cutOff(id: string | number, reason: unknown): object {
  const isUnknown = reason instanceof CredentialRefused && reason.status === 503;
  const message = isUnknown
    ? 'Whether the credential that this was asked with is still valid cannot be checked at this moment.'
    : 'The credential that this was asked with is not valid any more.';
  return { jsonrpc: '2.0', id, error: { code: -32000, message } };
}

/**
 * Ends as a stream does that has said all: whoever listens comes again, and meets a 401. And when nobody listens any more,
 * at once, as some servers find that out only when they next have something to say.
 */
function cut(
  body: ReadableStream<Uint8Array>,
  ends: readonly AbortSignal[],
  settled: () => void,
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  let isOver = false;
  const over = (): boolean => {
    settled();
    const first = !isOver;
    isOver = true;
    return first;
  };
  return new ReadableStream({
    start(controller) {
      for (const signal of ends) {
        const end = (): void => {
          if (!over()) return;
          controller.close();
          reader.cancel(signal.reason).catch(() => undefined);
        };
        signal.addEventListener('abort', end, { once: true });
      }
    },
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (!done && !isOver) controller.enqueue(value);
        else if (done && over()) controller.close();
      } catch (error) {
        if (over()) controller.error(error);
      }
    },
    cancel(reason) {
      over();
      return reader.cancel(reason);
    },
  });
}
