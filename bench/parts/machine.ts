// The machine that is measured on: which core serves, which one asks, and how to say what it is.
import { spawnSync } from 'node:child_process';
import { availableParallelism, cpus } from 'node:os';

const SERVING_CORE = '0';
const ASKING_CORE = '1';

/** Whether servers can have a core to themselves: Linux with `taskset`, and more than one core. */
const canPin: boolean =
  availableParallelism() > 1 &&
  spawnSync('taskset', ['-c', SERVING_CORE, 'true'], { stdio: 'ignore' }).status === 0;

/** The command that runs this one on the serving core alone, where that can be. */
export const pinned = (command: readonly string[]): readonly string[] =>
  canPin ? ['taskset', '-c', SERVING_CORE, ...command] : command;

/** Keeps this process and others, all threads of them, off the serving core. What they start stays off it too. */
export const leaveServingCore = (...others: readonly number[]): void => keepOn(ASKING_CORE, others);

/** Where nothing is measured: as fast as it can be done. */
export const useAllCores = (...others: readonly number[]): void =>
  keepOn(`0-${availableParallelism() - 1}`, others);

function keepOn(cores: string, others: readonly number[]): void {
  if (!canPin) return;
  for (const pid of [process.pid, ...others])
    spawnSync('taskset', ['-acp', cores, String(pid)], { stdio: 'ignore' });
}

/** Where nothing has a core of its own. */
export const unpinned = (): string =>
  `${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown'}, Node ${process.versions.node}`;

export const machine = (): string =>
  `${unpinned()}, ${
    canPin ? 'servers on one core, load on another' : 'NOT pinned to cores: figures are of the whole machine'
  }`;
