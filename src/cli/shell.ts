// What a command runs in: its streams, the person at the terminal if there is one, and what the environment says.
import { basename, relative } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { text } from 'node:stream/consumers';
import { type CliEnvironment, cliEnvironment } from '../config/environment.js';
import { EXIT } from './failure.js';

export interface Shell {
  readonly environment: CliEnvironment;
  readonly outputIsTerminal: boolean;
  /** Standard error is a terminal: a line there can be written over. */
  readonly errorIsTerminal: boolean;
  /** Somebody is there who can be asked. */
  readonly canAsk: boolean;
  /** How this command was called, for commands that we print to be copied. */
  readonly called: string;
  /** Writes lines to standard output. */
  out(lines: string): void;
  /** Writes lines to standard error. */
  err(lines: string): void;
  /** Shows this line in the place of the one shown before, on a terminal at standard error; undefined takes it away. */
  live(line: string | undefined): void;
  ask(question: string): Promise<string>;
  /** All of standard input. */
  input(): Promise<string>;
  /** Ctrl+C no longer ends the command but calls this, until what is answered is called. */
  onInterrupt(listener: () => void): () => void;
}

export function ownShell(): Shell {
  const { stdin, stdout, stderr } = process;
  const environment = cliEnvironment();
  // Whoever read us has read enough: `mayfly audit | head`.
  stdout.on('error', ({ code }: NodeJS.ErrnoException) => {
    if (code === 'EPIPE') process.exit();
    stderr.write(`mayfly: standard output cannot be written (${code})\n`);
    process.exit(EXIT.software);
  });
  // Whom nobody listens to goes on all the same: `mayfly exec` has a command to look after.
  stderr.on('error', () => undefined);
  return {
    environment,
    outputIsTerminal: stdout.isTTY,
    errorIsTerminal: stderr.isTTY,
    canAsk: stdin.isTTY && stderr.isTTY,
    called: howCalled(process.argv[1] ?? 'mayfly', environment),
    out: (lines) => void stdout.write(`${lines}\n`),
    err: (lines) => void stderr.write(`${lines}\n`),
    // A line longer than the terminal is wide would leave its beginning behind.
    live: (line = '') => void stderr.write(`\r\x1b[K${line.slice(0, Math.max(0, stderr.columns - 1))}`),
    ask: async (question) => {
      const reader = createInterface({ input: stdin, output: stderr });
      // Ctrl+D is no answer, and would otherwise be waited for without end.
      const closed = new Promise<string>((resolve) => reader.once('close', () => resolve('')));
      const answer = await Promise.race([reader.question(question), closed]);
      reader.close();
      return answer;
    },
    input: () => text(stdin),
    onInterrupt: (listener) => {
      process.on('SIGINT', listener);
      return () => void process.off('SIGINT', listener);
    },
  };
}

/** `mayfly` where it was installed, by npx where that found it, or the script that Node was given. */
function howCalled(script: string, { byNpx }: CliEnvironment): string {
  const name = basename(script);
  if (name.endsWith('.js')) return `node ${relative(process.cwd(), script)}`;
  return byNpx ? `npx ${name}` : name;
}
