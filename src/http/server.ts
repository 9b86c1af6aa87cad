// The HTTP server: time-outs, the short way to /token, and a shutdown that finishes what is in flight.
import type { Server } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createApp } from './app.js';
import type { Edge } from './call.js';
import { answerExchange } from './token-endpoint.js';
import { answerUnreadable } from './unreadable.js';

export interface ServerOptions {
  readonly host: string;
  readonly port: number;
  readonly requestTimeoutMs: number;
  readonly headersTimeoutMs: number;
  readonly drainTimeoutMs: number;
}

export interface RunningServer {
  readonly port: number;
  /** Takes no more connections, and resolves when what was in flight is answered or its time is up. */
  drain(): Promise<void>;
}

const MAX_HEADERS = 64;
const KEEP_ALIVE_MS = 65_000;
/** Node looks for overdue requests every 30 s unless told otherwise: a time-out of 10 s would be one of 40. */
const TIMEOUTS_CHECKED_EVERY_MS = 1000;

export async function listen(edge: Edge, options: ServerOptions): Promise<RunningServer> {
  const app = createApp(edge);
  const server = createServer(
    { connectionsCheckingInterval: TIMEOUTS_CHECKED_EVERY_MS },
    (request, response) => {
      // A connection that outlived the listening socket is given no further request.
      if (edge.draining()) response.shouldKeepAlive = false;
      if (request.method !== 'POST' || request.url !== '/token') {
        app(request, response);
        return;
      }
      answerExchange(edge, request, response);
    },
  );
  answerUnreadable(server, edge);
  server.requestTimeout = options.requestTimeoutMs;
  server.headersTimeout = options.headersTimeoutMs;
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  server.maxHeadersCount = MAX_HEADERS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  server.on('error', (error) => edge.log.error({ err: error }, 'the listening socket failed'));
  return { port: (server.address() as AddressInfo).port, drain: () => drain(server, options.drainTimeoutMs) };
}

async function drain(server: Server, timeoutMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  const idle = setInterval(() => server.closeIdleConnections(), 50);
  const overdue = setTimeout(() => server.closeAllConnections(), timeoutMs);
  await closed;
  clearInterval(idle);
  clearTimeout(overdue);
}
