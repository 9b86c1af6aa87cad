// Callers who mean no good: slow ones, silent ones, endless ones, and floods of what looks like a token.
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { TOKEN_EXCHANGE, TOKEN_TYPE } from '../../src/wire/token.js';

export const ATTACKS = ['loris', 'idle', 'declared', 'chunked', 'headers', 'garbage'] as const;
export type AttackKind = (typeof ATTACKS)[number];

export interface AttackTerms {
  readonly url: string;
  /** Of this machine: what they come from, in turn. */
  readonly addresses: readonly string[];
  /** Open at a time, where it is connections that do the harm. */
  readonly connections: number;
  /** Tokens to imitate: of an issuer that is trusted. */
  readonly tokens: readonly string[];
}

export interface Attack {
  /** So far: connections that were opened, connections that were closed on us, answers. */
  readonly opened: number;
  readonly closed: number;
  readonly answers: number;
  stop(): void;
}

/** 100,000 a minute. */
const GARBAGE_PER_SECOND = 1667;
const GARBAGE_CONNECTIONS = 32;
const ENDLESS_CONNECTIONS = 16;
const GIGABYTE = 1_000_000_000;
const TICK_MS = 10;
/** Opened at a time: more would not come sooner, but only wait in line. */
const OPENED_PER_TICK = 100;
const DRIP_EVERY_MS = 500;

export function attack(kind: AttackKind, terms: AttackTerms): Attack {
  const crowd = new Crowd(terms);
  crowd.begin(plans[kind](terms));
  return crowd;
}

interface Plan {
  readonly connections: number;
  /** What is done with a connection once it is open; answers what is to be done at intervals. */
  open(socket: Socket): (() => void) | undefined;
  readonly everyMs?: number;
}

const FORM = 'Content-Type: application/x-www-form-urlencoded\r\n';
const POST = `POST /token HTTP/1.1\r\nHost: x\r\n${FORM}`;

const plans: Readonly<Record<AttackKind, (terms: AttackTerms) => Plan>> = {
  /** A header that never ends, some bytes at a time. */
  loris: ({ connections }) => ({
    connections,
    everyMs: DRIP_EVERY_MS,
    open(socket) {
      socket.write(`${POST}X-Slow: `);
      return () => void socket.write('x');
    },
  }),
  idle: ({ connections }) => ({ connections, open: () => undefined }),
  declared: () => endless(`${POST}Content-Length: ${GIGABYTE}\r\n\r\n`, Buffer.alloc(64 * 1024, 'x')),
  chunked: () =>
    endless(`${POST}Transfer-Encoding: chunked\r\n\r\n`, Buffer.from(`8000\r\n${'x'.repeat(0x8000)}\r\n`)),
  headers: () => endless(`${POST}X-0: y\r\n`, Buffer.from(`X-Header: ${'y'.repeat(4000)}\r\n`.repeat(8))),
  garbage: ({ tokens }) => {
    const share = (GARBAGE_PER_SECOND / GARBAGE_CONNECTIONS / 1000) * TICK_MS;
    return {
      connections: GARBAGE_CONNECTIONS,
      everyMs: TICK_MS,
      open(socket) {
        let due = Math.random();
        return () => {
          for (due += share; due >= 1; due--) socket.write(garbageRequest(tokens));
        };
      },
    };
  },
};

/** As fast as it is taken, for as long as it is. */
function endless(beginning: string, piece: Buffer): Plan {
  return {
    connections: ENDLESS_CONNECTIONS,
    open(socket) {
      const pour = (): void => {
        while (socket.writable && socket.write(piece));
      };
      socket.write(beginning);
      socket.on('drain', pour);
      pour();
      return undefined;
    },
  };
}

/** No two alike: nothing about them can be remembered. */
function garbageToken(tokens: readonly string[]): string {
  const noise = randomBytes(64).toString('base64url');
  const [header = '', claims = ''] = tokens[Math.floor(Math.random() * tokens.length)]!.split('.');
  switch (Math.floor(Math.random() * 3)) {
    case 0:
      return noise;
    case 1: {
      const stranger = {
        iss: `https://${noise.slice(0, 8).toLowerCase()}.example`,
        sub: 'x',
        exp: 9_999_999_999,
      };
      return `${header}.${Buffer.from(JSON.stringify(stranger)).toString('base64url')}.${noise}`;
    }
    default:
      // A known key, an issuer that is trusted, and a signature that must be looked at to be seen through.
      return `${header}.${claims}.${noise}`;
  }
}

function garbageRequest(tokens: readonly string[]): string {
  const body = new URLSearchParams({
    grant_type: TOKEN_EXCHANGE,
    subject_token: garbageToken(tokens),
    subject_token_type: TOKEN_TYPE.jwt,
    task_id: 'run-1',
    audience: 'crm',
  }).toString();
  return `${POST}Content-Length: ${body.length}\r\n\r\n${body}`;
}

/** So many connections, each opened anew when it is closed on us. */
class Crowd implements Attack {
  opened = 0;
  closed = 0;
  answers = 0;
  readonly #terms: AttackTerms;
  readonly #sockets = new Set<Socket>();
  readonly #timers: NodeJS.Timeout[] = [];

  constructor(terms: AttackTerms) {
    this.#terms = terms;
  }

  begin(plan: Plan): void {
    const steps = new Map<Socket, () => void>();
    const more = (): void => {
      const missing = Math.min(plan.connections - this.#sockets.size, OPENED_PER_TICK);
      for (let count = 0; count < missing; count++) this.#open(plan, steps);
    };
    this.#timers.push(setInterval(more, TICK_MS));
    if (plan.everyMs !== undefined)
      this.#timers.push(
        setInterval(() => {
          for (const [socket, step] of steps) if (socket.writable) step();
        }, plan.everyMs),
      );
    more();
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer);
    for (const socket of this.#sockets) socket.destroy();
  }

  #open(plan: Plan, steps: Map<Socket, () => void>): void {
    const { url, addresses } = this.#terms;
    const { hostname, port } = new URL(url);
    const localAddress = addresses[this.opened++ % addresses.length]!;
    const socket = connect({ host: hostname, port: Number(port), localAddress });
    this.#sockets.add(socket);
    socket.once('connect', () => {
      const step = plan.open(socket);
      if (step) steps.set(socket, step);
    });
    socket.on('data', () => this.answers++);
    socket.on('error', () => {});
    socket.once('close', () => {
      this.closed++;
      this.#sockets.delete(socket);
      steps.delete(socket);
    });
  }
}
