// A free port on the loopback interface, below the range from which the system gives ports to outgoing connections.
import { createServer } from 'node:net';

const LOWEST = 20_000;
const HIGHEST = 32_767;
const MOST_TRIES = 50;
/**
 * What is free at this moment may be taken before it is listened on, or while a server is started anew. So those who
 * look at the same time, the workers of a test run, look among ports of their own: each has every eighth.
 */
const SHARES = 8;
const share = Number(process.env['JEST_WORKER_ID'] ?? 0) % SHARES;
/** Nor does one who looks find the same port twice. */
const given = new Set<number>();

export interface PortTerms {
  readonly lowest?: number;
  readonly highest?: number;
  /** A port that is so far above it is free, too. */
  readonly offset?: number;
}

/** Free at this moment: nothing that listens is touched, a taken port is passed over. */
export async function freePort({
  lowest = LOWEST,
  highest = HIGHEST,
  offset = 0,
}: PortTerms = {}): Promise<number> {
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const random = lowest + Math.floor(Math.random() * (highest - lowest - SHARES));
    const port = random + ((share - (random % SHARES) + SHARES) % SHARES);
    if (given.has(port)) continue;
    if ((await isFree(port)) && (offset === 0 || (await isFree(port + offset)))) {
      given.add(port);
      return port;
    }
  }
  throw new Error(`no free port between ${lowest} and ${highest} after ${MOST_TRIES} tries`);
}

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen({ port, host: '127.0.0.1', exclusive: true }, () => probe.close(() => resolve(true)));
  });
