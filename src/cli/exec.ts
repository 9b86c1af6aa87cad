// `mayfly exec`: runs a command with a credential of one task and one tool, and gives the credential back when it ends.
import { resolve } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { parseDuration } from '../domain/duration.js';
import type { MayflyClient } from '../sdk/client/index.js';
import { collect, duration } from './arguments.js';
import { type BrokerOptions, brokerCommand, connect } from './broker-command.js';
import { CommandEnded, usage } from './failure.js';
import type { Shell } from './shell.js';
import { exchangeOf } from './token.js';

interface ExecOptions extends BrokerOptions {
  readonly task: string;
  readonly tool: string;
  readonly scope?: string;
  readonly resource?: readonly string[];
  readonly ttl?: string;
  readonly env?: string;
  /** True where a path was not given. */
  readonly file?: string | true;
  readonly onEnd: 'terminate' | 'ignore';
  readonly watch: string;
  readonly grace: string;
  readonly keepToken?: true;
  readonly dpop?: true;
}

const USAGE = `
The command gets the credential in MAYFLY_CREDENTIAL; with --file the path of a file that holds it, in
MAYFLY_CREDENTIAL_FILE. Only a file can be kept fresh: take --file for what runs longer than a credential lives.
With --dpop or --dpop-key it also gets, in MAYFLY_DPOP_KEY_FILE, the path of the key that the credential is bound to.

Ends as the command ends (128 and its number for a signal), with 126 or 127 where it cannot be run or found, and with
125 where there is no credential to run it with.`;

export function addExec(program: Command, shell: Shell): void {
  brokerCommand(program, 'exec <command> [args...]', 'run a command with a credential (agent)')
    // What follows the command is the command's, also without `--` before it.
    .passThroughOptions()
    .usage('--task <id> --tool <name> [options] -- <command> [args...]')
    .requiredOption('--task <id>', 'the task that the credential is for and dies with')
    .requiredOption('--tool <name>', 'the tool that it opens')
    .option('--scope <actions>', "actions, with spaces between them: 'read write'; all that the task has")
    .option('--resource <name>', 'only on this; may be repeated', collect)
    .option('--ttl <duration>', 'how long each credential shall live at most: 5m', duration)
    .option('--env <name>', 'the variable for the credential; with --file, for its path', variableName)
    .option(
      '--file [path]',
      'give the credential by a file, here or in a place of its own, and keep it fresh',
    )
    .addOption(
      new Option('--on-end <what>', 'what happens to a command that outlives its credential')
        .choices(['ignore', 'terminate'])
        .default('ignore'),
    )
    .option('--watch <duration>', 'with --on-end terminate: how often the broker is asked', duration, '5s')
    .option('--grace <duration>', 'with --on-end terminate: from SIGTERM to SIGKILL', duration, '10s')
    .option('--dpop', 'bind the credential to a key that is made for this run')
    .option('--keep-token', 'leave MAYFLY_TOKEN in the environment of the command')
    .addHelpText('after', USAGE)
    .action(async (command: string, args: string[], options: ExecOptions) => {
      // Only now: no other command needs these parts.
      const { execute } = await import('./exec/execute.js');
      const { file } = options;
      const clientWith = (dpopKey: string | undefined): MayflyClient =>
        connect(dpopKey === undefined ? options : { ...options, dpopKey }, shell).client;
      const exit = await execute(clientWith, shell, {
        command,
        args,
        asked: exchangeOf(options),
        variable: options.env ?? (file === undefined ? 'MAYFLY_CREDENTIAL' : 'MAYFLY_CREDENTIAL_FILE'),
        file,
        keepsToken: options.keepToken === true,
        keyFile: keyFileFor(options, shell),
        ...(options.onEnd === 'terminate' && {
          terminate: { watchMs: parseDuration(options.watch)!, graceMs: parseDuration(options.grace)! },
        }),
      });
      throw new CommandEnded(exit);
    });
}

/** Its whole path: the command may work in another folder. */
function keyFileFor({ dpop, dpopKey }: ExecOptions, { environment }: Shell): string | true | undefined {
  if (dpop && dpopKey !== undefined) throw usage('give one of --dpop and --dpop-key');
  const given = dpopKey ?? environment.dpopKeyFile;
  return dpop ?? (given === undefined ? undefined : resolve(given));
}

function variableName(written: string): string {
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(written)) return written;
  throw new InvalidArgumentError('A name of letters, digits and _.');
}
