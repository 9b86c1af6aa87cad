// How a request came to us: from which address, before anything in it was read or believed.
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

export interface Arrival {
  /** Of the caller, as text; IPv4 is never dressed up as IPv6. Empty where the connection was gone before we looked. */
  readonly address: string;
}

/** On the path of every POST /token: one small object, and Node keeps the address with the connection. */
export const arrivalOf = (request: IncomingMessage): Arrival => arrivalOn(request.socket);

/** For what never became a request. */
export const arrivalOn = (socket: Pick<Socket, 'remoteAddress'>): Arrival => ({
  address: plainAddress(socket.remoteAddress ?? ''),
});

const MAPPED = '::ffff:';

/** `::ffff:192.0.2.1`, as a socket for both families tells it, is 192.0.2.1 (RFC 4291 §2.5.5.2). */
const plainAddress = (address: string): string =>
  address.startsWith(MAPPED) && address.includes('.') ? address.slice(MAPPED.length) : address;
