// All commands of `mayfly` in one program, and how each of them ends.
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { addAudit } from './audit.js';
import { addDev } from './dev.js';
import { EXIT, Failure } from './failure.js';
import { addIntrospect } from './introspect.js';
import { addLease } from './lease.js';
import { plain } from './plain.js';
import { addQuarantine } from './quarantine.js';
import { addRecover } from './recover.js';
import { addRevoke } from './revoke.js';
import { addServe } from './serve.js';
import type { Shell } from './shell.js';
import { addTask } from './task.js';
import { addToken } from './token.js';
import { addTool } from './tool.js';
import { addWhy } from './why.js';

/** Runs one command line and answers its exit code. Never throws. */
export async function run(args: readonly string[], shell: Shell): Promise<number> {
  try {
    await programFor(shell).parseAsync(args, { from: 'user' });
    return EXIT.ok;
  } catch (error) {
    // Commander has said already what it has to say.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    if (error instanceof Failure) {
      shell.err(`mayfly: ${said(error.message)}`);
      for (const line of error.more) shell.err(said(line));
      return error.exit;
    }
    shell.err(
      `mayfly: a fault of ours: ${said(error instanceof Error ? (error.stack ?? error.message) : String(error))}`,
    );
    return EXIT.software;
  }
}

/** Lines of ours may be several; what stands in them is made harmless. */
const said = (text: string): string => text.split('\n').map(plain).join('\n');

function programFor(shell: Shell): Command {
  const program = new Command('mayfly')
    .description('Credentials for AI agents that live exactly as long as one task.')
    .version(ownVersion())
    .enablePositionalOptions()
    .exitOverride()
    .showHelpAfterError('(--help says more)')
    .configureOutput({
      writeOut: (text) => shell.out(text.trimEnd()),
      writeErr: (text) => shell.err(text.trimEnd()),
    });
  const add = [
    addServe,
    addDev,
    addTask,
    addToken,
    addLease,
    addRevoke,
    addQuarantine,
    addRecover,
    addWhy,
    addAudit,
    addTool,
    addIntrospect,
  ];
  for (const command of add) command(program, shell);
  return program;
}

function ownVersion(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}
