// A server in a process of its own, on the serving core if not told otherwise: started, waited for, and ended with us.
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { pinned } from './machine.js';

export interface Server {
  readonly url: string;
  /** What it has used of its core so far, in seconds: says more than the clock where a machine is shared. */
  cpuSeconds(): number;
  /** What it has in memory now. NaN where the system does not tell. */
  residentBytes(): number;
  stop(): Promise<void>;
}

const READY_WITHIN_MS = 15_000;
const STOP_WITHIN_MS = 15_000;

/** What must not outlive us. */
const running = new Set<() => void>();
process.once('exit', () => {
  for (const killNow of running) killNow();
});

interface ServerPlace {
  readonly name: string;
  readonly folder: string;
  readonly url: string;
  readonly ready: string;
  readonly onAskingCore?: boolean;
}

/** Runs Node with these arguments; ready once the path answers 200. What it writes goes to a log in the folder. */
export async function startServer(
  { name, folder, url, ready, onAskingCore = false }: ServerPlace,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Server> {
  const log = path.join(folder, `${name}.log`);
  const output = openSync(log, 'w', 0o600);
  const run = [process.execPath, ...args];
  const [command = '', ...rest] = onAskingCore ? run : pinned(run);
  const child = spawn(command, rest, {
    stdio: ['ignore', output, output],
    env: { ...process.env, NODE_ENV: 'production', ...env },
  });
  closeSync(output);
  const killNow = (): void => void child.kill('SIGKILL');
  running.add(killNow);
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null;

  const until = performance.now() + READY_WITHIN_MS;
  while (!(await answers(url + ready))) {
    if (hasEnded() || performance.now() > until) {
      killNow();
      throw new Error(`${name} did not start:\n${readFileSync(log, 'utf8').slice(-2000)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return {
    url,
    cpuSeconds: () => cpuSecondsOf(child.pid!),
    residentBytes: () => residentBytesOf(child.pid!),
    async stop() {
      if (hasEnded()) throw new Error(`${name} ended by itself:\n${readFileSync(log, 'utf8').slice(-2000)}`);
      child.kill('SIGTERM');
      const overdue = setTimeout(killNow, STOP_WITHIN_MS);
      await ended;
      clearTimeout(overdue);
      running.delete(killNow);
    },
  };
}

const answers = (url: string): Promise<boolean> =>
  fetch(url).then(
    async (response) => (await response.text()) !== '' && response.ok,
    () => false,
  );

/** Linux: the 14th and 15th fields of `stat`, in hundredths of a second. NaN elsewhere. */
export function cpuSecondsOf(pid: number): number {
  if (process.platform !== 'linux') return NaN;
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Linux. */
function residentBytesOf(pid: number): number {
  if (process.platform !== 'linux') return NaN;
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) * 1024;
}
