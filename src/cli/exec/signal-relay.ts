// Signals that reach us are meant for the command. Until it runs, and once it has ended, they interrupt what we do.
import { readFileSync } from 'node:fs';
import { CommandEnded } from '../failure.js';
import { type RunningCommand, exitOfSignal } from './running-command.js';

const RELAYED = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH'] as const;

/** What a terminal sends to everybody in its foreground, the command among them: it must not get them twice. */
const TYPED: ReadonlySet<NodeJS.Signals> = new Set(['SIGINT', 'SIGQUIT', 'SIGWINCH']);

export class SignalRelay {
  #target: RunningCommand | undefined;
  /** What came before there was anybody to send it to. */
  #early: NodeJS.Signals[] = [];
  #interruption = new AbortController();
  readonly #take = (name: NodeJS.Signals): void => {
    if (this.#target) {
      if (!(TYPED.has(name) && isInForeground())) this.#target.signal(name);
    } else if (name !== 'SIGWINCH') {
      this.#early.push(name);
      this.#interruption.abort(new CommandEnded(exitOfSignal(name)));
    }
  };

  constructor() {
    for (const name of RELAYED) process.on(name, this.#take);
  }

  /** Aborted, with the exit code that follows, when a signal comes while no command runs. */
  get interrupted(): AbortSignal {
    return this.#interruption.signal;
  }

  to(command: RunningCommand): void {
    this.#target = command;
    for (const name of this.#early.splice(0)) command.signal(name);
  }

  /** The command has ended: from now on a signal cuts short what is left to do. */
  release(): void {
    this.#target = undefined;
    this.#interruption = new AbortController();
  }

  off(): void {
    for (const name of RELAYED) process.off(name, this.#take);
  }
}

/** Whether a terminal sends what is typed to our process group (proc(5), fields pgrp and tpgid). */
function isInForeground(): boolean {
  try {
    const stat = readFileSync('/proc/self/stat', 'utf8');
    // The name of the program comes before, in parentheses, and may hold anything.
    const [, , group, , , foreground] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return group === foreground;
  } catch {
    return process.stdin.isTTY;
  }
}
