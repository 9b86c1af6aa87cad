// A shell for tests: keeps what is written, and answers as it was told to.
import type { CliEnvironment } from '../../src/config/environment.js';
import { run } from '../../src/cli/program.js';
import type { Shell } from '../../src/cli/shell.js';

export interface Ran {
  readonly exit: number;
  readonly out: string;
  readonly err: string;
  /** What was asked, in order. */
  readonly asked: readonly string[];
  /** Lines that were written over one another. */
  readonly live: readonly string[];
}

export interface Setting {
  readonly environment?: CliEnvironment;
  readonly outputIsTerminal?: boolean;
  readonly errorIsTerminal?: boolean;
  /** Answers to questions; absent: nobody is there to be asked. */
  readonly answer?: string;
  readonly input?: string;
  /** Gets what Ctrl+C would call. */
  readonly interruptible?: (interrupt: () => void) => void;
}

/** Runs one command line in this process. */
export async function ran(args: readonly string[], setting: Setting = {}): Promise<Ran> {
  const { environment = {}, outputIsTerminal = false, errorIsTerminal = false, answer, input = '' } = setting;
  const written = { out: '', err: '' };
  const asked: string[] = [];
  const live: string[] = [];
  const shell: Shell = {
    environment,
    outputIsTerminal,
    errorIsTerminal,
    canAsk: answer !== undefined,
    called: 'mayfly',
    out: (lines) => void (written.out += `${lines}\n`),
    err: (lines) => void (written.err += `${lines}\n`),
    live: (line) => {
      if (line !== undefined) live.push(line);
    },
    onInterrupt: (listener) => {
      setting.interruptible?.(listener);
      return () => {};
    },
    ask: (question) => {
      asked.push(question);
      return Promise.resolve(answer ?? '');
    },
    input: () => Promise.resolve(input),
  };
  return { exit: await run(args, shell), ...written, asked, live };
}
