// An answer before it is written, and how it is written.
import type { ServerResponse } from 'node:http';

export interface Answer {
  readonly status: number;
  /** Sent as JSON; absent: no body. */
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
}

export const ok = (body: object, status = 200): Answer => ({
  status,
  body,
  headers: { 'cache-control': 'no-store' },
});

/** Writes the whole answer. Does nothing where the caller is gone. */
export function send(response: ServerResponse, { status, body, headers }: Answer, requestId: string): void {
  if (response.headersSent || response.destroyed) return;
  const text = body === undefined ? '' : JSON.stringify(body);
  response.writeHead(status, {
    ...(body !== undefined && { 'content-type': 'application/json' }),
    'content-length': Buffer.byteLength(text),
    'x-content-type-options': 'nosniff',
    ...headers,
    'x-request-id': requestId,
  });
  response.end(text);
}
