// Which connections are held. Where there is no room for one more, it is made by those that would miss it least.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { callerAt } from '../limits/address.js';
import { plainAddress } from './proxies.js';

export interface ConnectionTerms {
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
  /** For how long a caller may take to read its answer. */
  readonly answerTimeoutMs: number;
  /** Proxies: one address, many callers. */
  isExempt(address: string): boolean;
  /** Told of each connection that was refused, or closed before it was at its end. */
  cut(why: Cut): void;
}

/** `full`, `address_full`: not let in. `evicted`: closed for another. `unread`: did not read its answer. */
export type Cut = 'full' | 'address_full' | 'evicted' | 'unread';

/** Beyond the most, for addresses that hold no connection yet: an operator is hardly ever one of those that do. */
const RESERVE = 32;
/** Bodies come at once, and answers are read at once; who takes longer may be slow on purpose. */
const SLOW_AFTER_MS = 1000;
/** Whoever has just come has not yet had the time to say something. */
const NEW_FOR_MS = 1000;

interface Held {
  /** The end of it that is closed. */
  readonly socket: Socket;
  readonly endpoint: string;
  /** Undefined for a proxy. */
  readonly caller: string | undefined;
  /** Something was done for it that needs a good token: it is not one of thousands that nobody knows. */
  known: boolean;
  /** What is being answered, in turn. */
  readonly responses: ServerResponse[];
  /** With nothing to do, or with something; nowhere once it is forgotten. */
  among: Set<Held> | undefined;
  /** Of that state. */
  since: number;
  /** The answer that is not being read, and since when. */
  unread?: { readonly response: ServerResponse; readonly delivered: number; readonly since: number };
}

/**
 * The order in which connections make room: (1) strangers with nothing to do, silent ones and those with half a
 * header among them, unless they have just come; (2) whoever is slow to send a body or to read an answer; (3) known
 * callers with nothing to do; (4) who has just come. Within each the oldest goes first. Whoever is waiting for us is
 * never cut off.
 */
export class Connections {
  readonly #terms: ConnectionTerms;
  readonly #idleStrangers = new Set<Held>();
  readonly #busy = new Set<Held>();
  readonly #idleKnown = new Set<Held>();
  readonly #byCaller = new Map<string, Set<Held>>();
  /** Of two with the same ends the elder is gone already, and only the system knows it yet. */
  readonly #byEndpoint = new Map<string, Held>();
  #size = 0;
  /** Under TLS the socket that requests come by is another than the one that was accepted. */
  readonly #bySocket = new WeakMap<Socket, Held>();

  constructor(terms: ConnectionTerms) {
    this.#terms = terms;
  }

  get size(): number {
    return this.#size;
  }

  /** Lets the connection in, or closes it. */
  admit(socket: Socket): boolean {
    // Whoever hung up before we looked has no address any more.
    if (socket.remoteAddress === undefined) return hangUp(socket);
    const address = plainAddress(socket.remoteAddress);
    const caller = this.#terms.isExempt(address) ? undefined : callerAt(address);
    const siblings = caller === undefined ? undefined : this.#byCaller.get(caller);
    if (siblings && siblings.size >= this.#terms.maxConnectionsPerAddress && !this.#makeRoomAmong(siblings))
      return this.#refuse(socket, 'address_full');
    if (this.size >= this.#terms.maxConnections && !this.#makeRoom()) {
      const isReserved = !siblings && this.size < this.#terms.maxConnections + RESERVE;
      if (!isReserved) return this.#refuse(socket, 'full');
    }
    this.#hold(socket, caller);
    return true;
  }

  /** A request came: answers how many of its connection are being answered, this one included. */
  asked(request: IncomingMessage, response: ServerResponse): number {
    const held = this.#heldBy(request.socket);
    if (!held) return 1;
    if (held.responses.push(response) === 1) this.#turn(held);
    response.on('close', () => this.#answered(held, request, response));
    return held.responses.length;
  }

  /** When the answers to all that was asked whole on this connection are out; undefined where nothing was. */
  answersBefore(socket: Socket): Promise<void> | undefined {
    const last = this.#heldBy(socket)?.responses.findLast(({ req }) => req.complete);
    return last && new Promise((resolve) => last.once('close', () => resolve()));
  }

  /** Closes the connections of those that do not read: an answer that nobody takes is kept in memory. */
  look(now = performance.now()): void {
    for (const held of this.#busy) {
      const [response] = held.responses;
      const stream = response?.socket;
      if (!response || !stream || stream.writableLength === 0) {
        delete held.unread;
        continue;
      }
      // What is complete must be out in time; what still grows, must get on.
      const delivered = response.writableEnded ? 0 : stream.bytesWritten - stream.writableLength;
      if (held.unread?.response !== response || held.unread.delivered !== delivered)
        held.unread = { response, delivered, since: now };
      else if (now - held.unread.since >= this.#terms.answerTimeoutMs) this.#close(held, 'unread');
    }
  }

  /** Closes those that ask for nothing: silent ones and those with half a header among them. */
  closeIdle(): void {
    for (const among of [this.#idleStrangers, this.#idleKnown]) for (const held of among) this.#leave(held);
  }

  closeAll(): void {
    this.closeIdle();
    for (const held of this.#busy) this.#leave(held);
  }

  #hold(socket: Socket, caller: string | undefined): void {
    const endpoint = endpointOf(socket);
    const among = this.#idleStrangers;
    const held: Held = {
      socket,
      endpoint,
      caller,
      known: false,
      responses: [],
      among,
      since: performance.now(),
    };
    this.#bySocket.set(socket, held);
    this.#byEndpoint.set(endpoint, held);
    this.#size++;
    among.add(held);
    if (caller !== undefined) {
      const siblings = this.#byCaller.get(caller);
      if (siblings) siblings.add(held);
      else this.#byCaller.set(caller, new Set([held]));
    }
    socket.once('close', () => this.#forget(held));
  }

  #heldBy(socket: Socket): Held | undefined {
    let held = this.#bySocket.get(socket);
    if (!held && (held = this.#byEndpoint.get(endpointOf(socket)))) this.#bySocket.set(socket, held);
    return held;
  }

  /** Among those with nothing to do, or those with something: the last one to come there. */
  #turn(held: Held): void {
    if (!held.among) return;
    held.since = performance.now();
    held.among.delete(held);
    if (held.responses.length > 0) held.among = this.#busy;
    else held.among = held.known ? this.#idleKnown : this.#idleStrangers;
    held.among.add(held);
  }

  #answered(held: Held, { method }: IncomingMessage, response: ServerResponse): void {
    const at = held.responses.indexOf(response);
    if (at >= 0) held.responses.splice(at, 1);
    // What anybody may ask for is asked for by GET.
    if (response.statusCode < 300 && method !== 'GET' && method !== 'HEAD') held.known = true;
    if (held.responses.length === 0) this.#turn(held);
  }

  #makeRoom(): boolean {
    const now = performance.now();
    const [stranger] = this.#idleStrangers;
    if (stranger && (this.#areMany(this.#idleStrangers) || now - stranger.since > NEW_FOR_MS))
      return this.#close(stranger, 'evicted');
    for (const held of this.#busy) if (isSlow(held, now)) return this.#close(held, 'evicted');
    const [last = stranger] = this.#idleKnown;
    return last ? this.#close(last, 'evicted') : false;
  }

  /** So many that the oldest of them has had its time, however fast others come. */
  #areMany(strangers: ReadonlySet<Held>): boolean {
    return strangers.size > this.#terms.maxConnections / 4;
  }

  /** The same among the connections of one address, in the order in which they came. */
  #makeRoomAmong(siblings: ReadonlySet<Held>): boolean {
    const now = performance.now();
    let slow: Held | undefined;
    let idle: Held | undefined;
    for (const held of siblings) {
      if (held.responses.length === 0 && !held.known && now - held.since > NEW_FOR_MS)
        return this.#close(held, 'evicted');
      if (held.responses.length === 0) idle ??= held;
      else if (!slow && isSlow(held, now)) slow = held;
    }
    const chosen = slow ?? idle;
    return chosen ? this.#close(chosen, 'evicted') : false;
  }

  #refuse(socket: Socket, why: Cut): false {
    this.#terms.cut(why);
    return hangUp(socket);
  }

  #close(held: Held, why: Cut): true {
    this.#leave(held);
    this.#terms.cut(why);
    return true;
  }

  #leave(held: Held): void {
    this.#forget(held);
    held.socket.destroy();
  }

  #forget(held: Held): void {
    if (!held.among) return;
    held.among.delete(held);
    held.among = undefined;
    this.#size--;
    if (this.#byEndpoint.get(held.endpoint) === held) this.#byEndpoint.delete(held.endpoint);
    const siblings = held.caller === undefined ? undefined : this.#byCaller.get(held.caller);
    siblings?.delete(held);
    if (siblings?.size === 0) this.#byCaller.delete(held.caller!);
  }
}

/** Both ends of it: a caller may come from one port to two addresses of ours. */
const endpointOf = ({ remoteAddress, remotePort, localAddress, localPort }: Socket): string =>
  `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;

function hangUp(socket: Socket): false {
  socket.destroy();
  return false;
}

function isSlow({ responses, since }: Held, now: number): boolean {
  const [first] = responses;
  return first !== undefined && now - since > SLOW_AFTER_MS && (!first.req.complete || first.writableEnded);
}
