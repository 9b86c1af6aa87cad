// What a command runs in: its streams, the person at the terminal if there is one, and what the environment says.
import { basename, relative } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { text } from 'node:stream/consumers';
import { type CliEnvironment, cliEnvironment } from '../config/environment.js';

export interface Shell {
  readonly environment: CliEnvironment;
  readonly outputIsTerminal: boolean;
  /** Somebody is there who can be asked. */
  readonly canAsk: boolean;
  /** How this command was called, for commands that we print to be copied. */
  readonly called: string;
  /** Writes lines to standard output. */
  out(lines: string): void;
  /** Writes lines to standard error. */
  err(lines: string): void;
  ask(question: string): Promise<string>;
  /** All of standard input. */
  input(): Promise<string>;
}

export function ownShell(): Shell {
  const { stdin, stdout, stderr } = process;
  // Whoever read us has read enough: `mayfly audit | head`.
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit();
  });
  return {
    environment: cliEnvironment(),
    outputIsTerminal: stdout.isTTY,
    canAsk: stdin.isTTY && stderr.isTTY,
    called: howCalled(process.argv[1] ?? 'mayfly'),
    out: (lines) => void stdout.write(`${lines}\n`),
    err: (lines) => void stderr.write(`${lines}\n`),
    ask: async (question) => {
      const reader = createInterface({ input: stdin, output: stderr });
      // Ctrl+D is no answer, and would otherwise be waited for without end.
      const closed = new Promise<string>((resolve) => reader.once('close', () => resolve('')));
      const answer = await Promise.race([reader.question(question), closed]);
      reader.close();
      return answer;
    },
    input: () => text(stdin),
  };
}

/** `mayfly` where it was installed, or the script that Node was given. */
function howCalled(script: string): string {
  const name = basename(script);
  return name.endsWith('.js') ? `node ${relative(process.cwd(), script)}` : name;
}
