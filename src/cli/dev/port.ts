// The port of a development broker, which must be known before it starts: its URL is its name.
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { InvalidArgumentError } from 'commander';

export const LOOPBACK = '127.0.0.1';
export const DEFAULT_PORT = 8420;

export function portArgument(written: string): number {
  const port = Number(written);
  if (/^\d{1,5}$/.test(written) && port <= 65_535) return port;
  throw new InvalidArgumentError('A number from 0 to 65535.');
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, LOOPBACK, () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
