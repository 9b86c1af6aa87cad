// The broker as people run it: a process of its own, with a configuration file and an embedded store, in a folder that goes away.
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from './port.js';

const CLI = fileURLToPath(new URL('../../dist/cli/mayfly.js', import.meta.url));
const READY_WITHIN_MS = 20_000;
const STOP_WITHIN_MS = 5_000;

export interface BrokerProcess {
  readonly url: string;
  readonly pid: number | undefined;
  /** Resolves when it can do its work; rejects with the end of its log where it cannot. */
  ready(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts `mayfly serve` on this configuration, with the URL put in. */
export async function startBroker(
  folder: string,
  configuration: (url: string) => string,
): Promise<BrokerProcess> {
  const url = `http://127.0.0.1:${await freePort()}`;
  const file = path.join(folder, 'mayfly.yaml');
  const log = path.join(folder, 'mayfly.log');
  writeFileSync(file, configuration(url));
  const output = openSync(log, 'w', 0o600);
  const child = spawn(process.execPath, [CLI, 'serve', '--config', file], {
    stdio: ['ignore', output, output],
  });
  closeSync(output);
  // A broker must not be left behind, however we end.
  const killNow = (): void => void child.kill('SIGKILL');
  process.once('exit', killNow);
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });

  return {
    url,
    pid: child.pid,
    async ready() {
      try {
        await untilReady(url, child);
      } catch (error) {
        throw new Error(`${(error as Error).message}\n${lastLinesOf(log)}`, { cause: error });
      }
    },
    async stop() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
      const overdue = setTimeout(killNow, STOP_WITHIN_MS);
      await ended;
      clearTimeout(overdue);
      process.off('exit', killNow);
    },
  };
}

async function untilReady(url: string, child: ChildProcess): Promise<void> {
  const until = performance.now() + READY_WITHIN_MS;
  while (performance.now() < until) {
    if (child.exitCode !== null || child.signalCode !== null)
      throw new Error('the broker ended as it started:');
    const ready = await fetch(`${url}/readyz`).then(
      (response) => response.ok,
      () => false,
    );
    if (ready) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`the broker was not ready within ${READY_WITHIN_MS / 1000} s:`);
}

const lastLinesOf = (file: string): string =>
  readFileSync(file, 'utf8').trim().split('\n').slice(-5).join('\n');
