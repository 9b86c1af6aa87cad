// A free port on the loopback interface, below the range from which the system gives ports to outgoing connections.
import { createServer } from 'node:net';

const LOWEST = 20_000;
const HIGHEST = 32_767;
const MOST_TRIES = 50;

/** Free at this moment: nothing that listens is touched, a taken port is passed over. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST + 1));
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port between ${LOWEST} and ${HIGHEST} after ${MOST_TRIES} tries`);
}

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen({ port, host: '127.0.0.1', exclusive: true }, () => probe.close(() => resolve(true)));
  });
