// Answers what node:http cannot read as a request, or did not get in time: as a problem, with a request id, on record.
import { STATUS_CODES } from 'node:http';
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { Refusal } from '../domain/refusal.js';
import type { Answer } from './answer.js';
import { arrivalOn } from './arrival.js';
import type { Edge } from './call.js';
import { newEntry, settle } from './call.js';
import type { Connections } from './connections.js';
import { protocolAnswer } from './errors.js';
import type { HeaderLines } from './security-headers.js';
import { NO_ROUTE } from './told.js';

const STATUS: Readonly<Record<string, number>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 408,
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
};

export function answerUnreadable(server: Server, edge: Edge, connections: Connections): void {
  // Node calls it a Duplex, and hands over the socket that it accepted.
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    const code = error.code ?? 'unknown';
    // Nobody is there any more to be answered.
    if (!socket.writable || code === 'ECONNRESET' || code === 'EPIPE') socket.destroy();
    else {
      // What comes behind it is nothing that we could read either.
      socket.pause();
      void answerOn(socket, edge, code, connections.answersBefore(socket));
    }
  });
}

async function answerOn(socket: Socket, edge: Edge, code: string, before?: Promise<void>): Promise<void> {
  const entry = newEntry('request', arrivalOn(socket));
  const refused = (): Answer => protocolAnswer(STATUS[code] ?? 400, entry.requestId);
  const { status, body, headers } = await settle(
    edge,
    { entry, dialect: 'problem', route: NO_ROUTE, refused },
    () => Promise.resolve(new Refusal('request_malformed', code)),
  );
  // In the order of the requests (RFC 9112 §9.3.2): whoever asked for a kill must not take this for its answer.
  await before;
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const text = JSON.stringify(body);
  const lines = Object.entries({
    ...headers,
    ...pairs(edge.securityHeaders),
    'content-length': Buffer.byteLength(text),
    connection: 'close',
    'x-request-id': entry.requestId,
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${text}`, () =>
    socket.destroy(),
  );
}

const pairs = (lines: HeaderLines): Record<string, string> =>
  Object.fromEntries(lines.flatMap((name, at) => (at % 2 === 0 ? [[name, lines[at + 1] ?? '']] : [])));
