// All commands of `mayfly` in one program, and how each of them ends.
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { addAudit } from './audit.js';
import { addAws } from './aws.js';
import { addCompletion } from './completion.js';
import { addDev } from './dev.js';
import { addDoctor } from './doctor.js';
import { addDpopKey } from './dpop-key.js';
import { MayflyError } from '../sdk/client/index.js';
import { failureOf } from './connection.js';
import { addExec } from './exec.js';
import { CommandEnded, EXIT, type ExitCode, Failure, type FailureFacts, failureJson } from './failure.js';
import { addIntrospect } from './introspect.js';
import { addLease } from './lease.js';
import { plain, plainJson } from './plain.js';
import { addPolicy } from './policy.js';
import { addKeys, addMetrics, addOpenapi, addStatus } from './published.js';
import { addFeed } from './feed.js';
import { addVerifier } from './verifier.js';
import { addQuarantine } from './quarantine.js';
import { addReconcile } from './reconcile.js';
import { addRecover } from './recover.js';
import { addRevoke } from './revoke.js';
import { addRevokeToken } from './revoke-token.js';
import { addServe } from './serve.js';
import type { Shell } from './shell.js';
import { addTask } from './task.js';
import { addToken } from './token.js';
import { addTool } from './tool.js';
import { addTop } from './top.js';
import { addWhy } from './why.js';

/** Runs one command line and answers its exit code. Never throws. */
export async function run(args: readonly string[], shell: Shell): Promise<number> {
  let forPrograms = asksForJson(args);
  const told = (
    exit: ExitCode,
    message: string,
    more: readonly string[] = [],
    facts?: FailureFacts,
  ): number => {
    if (forPrograms) shell.err(plainJson(failureJson(exit, message, facts)));
    else for (const line of [`mayfly: ${message}`, ...more]) shell.err(said(line));
    return exit;
  };
  try {
    await programFor(shell, forPrograms)
      // Once it is known which words are whose: `mayfly exec … curl --json` does not ask us.
      .hook('preAction', (_, command) => {
        forPrograms = command.opts()['json'] === true;
      })
      .parseAsync(args, { from: 'user' });
    return EXIT.ok;
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return EXIT.ok;
      // For people, commander has said already what it has to say.
      return forPrograms ? told(EXIT.usage, error.message.replace(/^error: /, '')) : EXIT.usage;
    }
    if (error instanceof CommandEnded) return error.exit;
    const failure = error instanceof MayflyError ? failureOf(error, shell.called) : error;
    if (failure instanceof Failure) return told(failure.exit, failure.message, failure.more, failure.facts);
    const fault = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return told(EXIT.software, `a fault of ours: ${fault}`);
  }
}

/** As far as can be told before the words are read. What stands behind `--` is another command's. */
const asksForJson = (args: readonly string[]): boolean =>
  args.slice(0, args.includes('--') ? args.indexOf('--') : undefined).includes('--json');

/** Lines of ours may be several; what stands in them is made harmless. */
const said = (text: string): string => text.split('\n').map(plain).join('\n');

function programFor(shell: Shell, forPrograms: boolean): Command {
  const program = new Command('mayfly')
    .description('Credentials for AI agents that live exactly as long as one task.')
    .version(ownVersion())
    .enablePositionalOptions()
    .exitOverride()
    .showHelpAfterError('(--help says more)')
    .configureOutput({
      writeOut: (text) => shell.out(text.trimEnd()),
      writeErr: (text) => {
        if (!forPrograms) shell.err(text.trimEnd());
      },
    });
  const add = [
    addServe,
    addDev,
    addDoctor,
    addTask,
    addToken,
    addExec,
    addAws,
    addDpopKey,
    addLease,
    addRevoke,
    addFeed,
    addVerifier,
    addQuarantine,
    addRecover,
    addReconcile,
    addWhy,
    addAudit,
    addTool,
    addPolicy,
    addTop,
    addStatus,
    addKeys,
    addOpenapi,
    addMetrics,
    addIntrospect,
    addRevokeToken,
    addCompletion,
  ];
  for (const command of add) command(program, shell);
  return program;
}

function ownVersion(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}
