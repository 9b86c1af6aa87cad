// An answer before it is written, and how it is written.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { readOn } from './courtesy.js';
import type { HeaderLines } from './security-headers.js';

export interface Answer {
  readonly status: number;
  /** Sent as JSON, unless the headers say another type; a string as it stands. Absent: no body. */
  readonly body?: object | string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Writes the body, for as long as it likes, once the head is out: it ends with the connection. */
  readonly hold?: (response: ServerResponse) => void;
  /** Called once the caller of such an answer is gone, or never got it. */
  readonly gone?: () => void;
}

export const ok = (body: object, status = 200): Answer => ({
  status,
  body,
  headers: { 'cache-control': 'no-store' },
});

/** Writes the whole answer; nothing of it may be kept unless it says so. Does nothing where the caller is gone. */
export function send(
  response: ServerResponse,
  answer: Answer,
  requestId: string,
  security: HeaderLines,
): void {
  if (response.headersSent || response.destroyed) {
    answer.gone?.();
    return;
  }
  if (answer.hold) return stream(response, answer, requestId, security);
  const { status, body, headers } = answer;
  const text = typeof body === 'string' ? body : body === undefined ? '' : JSON.stringify(body);
  const request = response.req;
  const unread = !request.complete && hasBody(request);
  // Names and values in turn: the form in which Node keeps them, with no object to be made and taken apart again.
  const lines = [...security];
  // Of what is not sent, because it is known already, this would be the wrong length (RFC 9110 §8.6).
  if (status !== 304) lines.push('content-length', String(Buffer.byteLength(text)));
  // A name that is said twice is sent twice.
  if (body !== undefined && headers?.['content-type'] === undefined)
    lines.push('content-type', 'application/json');
  for (const [name, value] of Object.entries(headers ?? {})) lines.push(name, value);
  if (headers?.['cache-control'] === undefined) lines.push('cache-control', 'no-store');
  if (unread) lines.push('connection', 'close');
  lines.push('x-request-id', requestId);
  response.writeHead(status, lines);
  if (!unread) {
    response.end(text);
    return;
  }
  // The caller is still sending. Closing now would reset the connection, and with it lose the answer.
  response.flushHeaders();
  if (text !== '') response.write(text);
  readOn(request, () => response.end());
}

function stream(
  response: ServerResponse,
  { status, headers, hold, gone }: Answer,
  requestId: string,
  security: HeaderLines,
): void {
  response.once('close', () => gone?.());
  // Its end is that of the connection: nothing has to be written around each piece.
  response.removeHeader('transfer-encoding');
  const lines = [...security, ...Object.entries(headers ?? {}).flat()];
  response.writeHead(status, [...lines, 'connection', 'close', 'x-request-id', requestId]);
  if (response.req.method === 'HEAD') response.end();
  else {
    response.flushHeaders();
    hold?.(response);
  }
}

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
