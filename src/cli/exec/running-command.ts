// The command while it runs: our own streams, our process group, and the exit code that a shell would give it.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { EXIT, Failure } from '../failure.js';
import type { Say } from './say.js';

export const exitOfSignal = (signal: NodeJS.Signals): number => 128 + constants.signals[signal];

export class RunningCommand {
  /** Its exit code; for a signal that ended it, 128 and the signal's number. */
  readonly ended: Promise<number>;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
    // Not `close`: what it leaves running in the background is not waited for, as by a shell.
    this.ended = new Promise((resolve) => {
      child.once('exit', (code, signal) => resolve(signal === null ? (code ?? 0) : exitOfSignal(signal)));
    });
  }

  /** @throws Failure with 127 where there is no such command, and 126 where it cannot be run */
  static async start(
    command: string,
    args: readonly string[],
    env: NodeJS.ProcessEnv,
  ): Promise<RunningCommand> {
    try {
      // Of what the system says against it, Node throws some at once and reports the rest later.
      const child = spawn(command, args, { env, stdio: 'inherit' });
      const running = new RunningCommand(child);
      await once(child, 'spawn');
      // A command that became somebody else (sudo) takes no signals from us: that ends neither it nor us.
      child.on('error', () => undefined);
      return running;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // A name that is empty is one that nothing has.
      if (code === 'ENOENT' || command === '')
        throw new Failure(EXIT.commandNotFound, `${command}: there is no such command`);
      throw new Failure(EXIT.commandNotRun, `${command} cannot be run (${code})`);
    }
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Asks it to end, and ends it when it has not by then. */
  terminate(graceMs: number, say: Say): void {
    say('telling the command to end (SIGTERM)');
    this.signal('SIGTERM');
    const timer = setTimeout(() => {
      say(`the command goes on after ${graceMs / 1000} s: SIGKILL`);
      this.signal('SIGKILL');
    }, graceMs);
    void this.ended.then(() => clearTimeout(timer));
  }
}
