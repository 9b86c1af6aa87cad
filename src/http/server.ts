// The HTTP server: TLS or plain, its limits, the short way to /token, and a shutdown that finishes what is in flight.
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { HttpSettings } from '../config/settings.js';
import { createApp } from './app.js';
import type { Edge } from './call.js';
import type { Certificate } from './certificate.js';
import { Connections } from './connections.js';
import { HEADERS_READ, MOST_AT_ONCE, misfitOf, refuseMisfit } from './misfit.js';
import { mostOpenFiles } from './open-files.js';
import { answerExchange } from './token-endpoint.js';
import { answerUnreadable } from './unreadable.js';

export interface ServerOptions extends Omit<HttpSettings, 'bodyLimitBytes'> {
  readonly host: string;
  readonly port: number;
  /** Absent: plain http. */
  readonly certificate?: Certificate;
}

export interface RunningServer {
  readonly port: number;
  /** Connections that are open. */
  readonly connections: number;
  /** Takes no more connections, and resolves when what was in flight is answered or its time is up. */
  drain(): Promise<void>;
}

/** Node looks for overdue requests every 30 s unless told otherwise: a time-out of 10 s would be one of 40. */
const LOOK_EVERY_MS = 1000;
const DRAIN_LOOKS_EVERY_MS = 50;
/** How often a shutdown looks before it takes a caller that has not asked for anything for one that never will. */
const DRAIN_LOOKS_FOR_SILENT = 40;
/** Connections that came while the loop was busy wait here. One that finds no place tries again after a second. */
const BACKLOG = 4096;
/** For the store, for files that are read, for what Node itself has open. */
const FILES_BESIDE_CONNECTIONS = 200;

export async function listen(edge: Edge, options: ServerOptions): Promise<RunningServer> {
  const { certificate } = options;
  const connections = new Connections({
    ...options,
    maxConnections: affordable(options.maxConnections, edge),
    isExempt: (address) => edge.proxies.trusts(address),
    cut: (why) => edge.metrics.count('connections_refused_total', why),
  });
  const common = {
    connectionsCheckingInterval: LOOK_EVERY_MS,
    maxHeaderSize: options.headerLimitBytes,
    requestTimeout: options.requestTimeoutMs,
    headersTimeout: options.headersTimeoutMs,
    keepAliveTimeout: options.idleTimeoutMs,
    // Looked at by ourselves, so that the refusal is on record and has our headers.
    requireHostHeader: false,
  };
  const answer = answering(edge, connections);
  const handshakeTimeout = options.headersTimeoutMs;
  const tls = certificate && createTlsServer({ ...common, ...certificate.options, handshakeTimeout }, answer);
  if (tls) followCertificate(tls, certificate, edge);
  const server: Server = tls ?? createServer(common, answer);
  server.maxHeadersCount = HEADERS_READ;
  answerUnreadable(server, edge, connections);
  expectContinue(server, edge, answer);
  guard(server, connections);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port: options.port, host: options.host, backlog: BACKLOG }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  server.on('error', (error) => edge.log.error({ err: error }, 'the listening socket failed'));
  const looking = setInterval(() => connections.look(), LOOK_EVERY_MS).unref();
  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return connections.size;
    },
    async drain() {
      await drain(server, connections, options.drainTimeoutMs);
      clearInterval(looking);
    },
  };
}

type Answering = (request: IncomingMessage, response: ServerResponse) => void;

function answering(edge: Edge, connections: Connections): Answering {
  const app = createApp(edge);
  return (request, response) => {
    // A connection that outlived the listening socket is given no further request.
    if (edge.draining()) response.shouldKeepAlive = false;
    const atOnce = connections.asked(request, response);
    const misfit = misfitOf(request, atOnce);
    // The first one too many ends the connection: what came behind it is nobody's concern any more.
    if (atOnce > MOST_AT_ONCE + 1) return;
    if (misfit) void refuseMisfit(edge, request, response, misfit);
    else if (request.method === 'POST' && request.url === '/token')
      void answerExchange(edge, request, response);
    else app(request, response);
  };
}

/** Without a file for each, accepting fails for everybody, and the store may find none for itself. */
function affordable(wanted: number, { log }: Edge): number {
  const most = Math.max(1, mostOpenFiles() - FILES_BESIDE_CONNECTIONS);
  if (wanted <= most) return wanted;
  log.warn(
    { max_connections: wanted, held: most },
    'this process may not open as many files: raise its limit (ulimit -n), or lower http.max_connections',
  );
  return most;
}

function followCertificate(
  server: ReturnType<typeof createTlsServer>,
  certificate: Certificate,
  { metrics }: Edge,
): void {
  certificate.onRenewal((next) => server.setSecureContext(next));
  // Otherwise it would be answered as HTTP in the clear, and recorded as a request that it never was.
  server.removeAllListeners('tlsClientError');
  server.on('tlsClientError', (_error, socket) => {
    metrics.count('connections_refused_total', 'tls');
    socket.destroy();
  });
}

/** Who asks first whether to send a large body is not told to, only to be refused for it. */
function expectContinue(server: Server, { bodyLimitBytes }: Edge, answer: Answering): void {
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    if (Number(request.headers['content-length'] ?? 0) <= bodyLimitBytes) response.writeContinue();
    answer(request, response);
  });
  // RFC 9110 §10.1.1: what we do not know may be ignored.
  server.on('checkExpectation', answer);
}

/** Before TLS and HTTP get to see the connection. */
function guard(server: Server, connections: Connections): void {
  const accept = server.listeners('connection');
  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) => {
    if (connections.admit(socket)) for (const listener of accept) listener.call(server, socket);
  });
}

/** Node itself looks for overdue requests no more once it closes, and never at handshakes. */
async function drain(server: Server, connections: Connections, timeoutMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  // By looks and not by the clock: what came while the loop was busy is read between two of them.
  let looks = 0;
  const idle = setInterval(() => {
    server.closeIdleConnections();
    if (++looks > DRAIN_LOOKS_FOR_SILENT) connections.closeIdle();
  }, DRAIN_LOOKS_EVERY_MS);
  const overdue = setTimeout(() => connections.closeAll(), timeoutMs);
  await closed;
  clearInterval(idle);
  clearTimeout(overdue);
}
