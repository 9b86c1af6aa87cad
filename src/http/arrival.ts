// How a request came to us: from which address, before anything in it was believed.
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { TraceContext } from '../domain/trace-context.js';
import { readTrace } from '../domain/trace-context.js';
import type { Proxies } from './proxies.js';
import { plainAddress } from './proxies.js';

export interface Arrival {
  /** Of the caller, in one spelling (plainAddress). Empty where the connection was gone before we looked. */
  readonly address: string;
  /** Of which trace it is a part, where the caller named one. */
  readonly trace?: TraceContext;
}

/** On the path of every POST /token: one small object, and Node keeps the address with the connection. */
export function arrivalOf(request: IncomingMessage, proxies: Proxies): Arrival {
  const address = proxies.clientOf(request);
  const trace = readTrace(request.headers['traceparent'], request.headers['tracestate']);
  return trace ? { address, trace } : { address };
}

/** For what never became a request: nobody could tell us for whom a proxy sent it. */
export const arrivalOn = (socket: Pick<Socket, 'remoteAddress'>): Arrival => ({
  address: plainAddress(socket.remoteAddress ?? ''),
});
