// The whole story of one `mayfly exec`: obtain, hand over, keep fresh while the command runs, give back.
import { commandEnvironment } from '../../config/environment.js';
import type { ExchangeRequest, MayflyClient } from '../../sdk/client/index.js';
import { MayflyError } from '../../sdk/client/index.js';
import { failureOf } from '../connection.js';
import { EXIT, Failure } from '../failure.js';
import { plain } from '../plain.js';
import type { Shell } from '../shell.js';
import { awsVariables } from './aws-variables.js';
import { CredentialFile } from './credential-file.js';
import { HeldCredential } from './held-credential.js';
import { keepFresh } from './keep-fresh.js';
import { pause } from './pause.js';
import { RunKey } from './run-key.js';
import { RunningCommand } from './running-command.js';
import type { Say } from './say.js';
import { SignalRelay } from './signal-relay.js';
import { sayWhenSpent, untilDead } from './watch.js';

export interface Execution {
  readonly command: string;
  readonly args: readonly string[];
  readonly asked: ExchangeRequest;
  /** Which variable of the command's environment tells of the credential. */
  readonly variable: string;
  /** A path, or true for a place of its own; undefined: by the variable itself. */
  readonly file: string | true | undefined;
  readonly keepsToken: boolean;
  /** The file of the key that the credential is bound to; true: of one that is made for this run. */
  readonly keyFile: string | true | undefined;
  /** What is done when the credential ends before the command; undefined: nothing. */
  readonly terminate?: { readonly watchMs: number; readonly graceMs: number };
}

const LAST_ANSWER_WITHIN_MS = 2000;

/**
 * Answers the exit code of the command.
 *
 * @param clientWith the client that proves the key of this file, if there is one
 * @throws Failure with 125, 126 or 127 where it was not run
 */
export async function execute(
  clientWith: (keyFile: string | undefined) => MayflyClient,
  shell: Shell,
  execution: Execution,
): Promise<number> {
  const say: Say = (text) => shell.err(`mayfly exec: ${plain(text)}`);
  // From here on no signal ends us: what is obtained has to be given back.
  const signals = new SignalRelay();
  // Where it shall go is settled first: a credential that nobody gets is a risk for nothing.
  const file = execution.file === undefined ? undefined : await CredentialFile.at(execution.file);
  let runKey: RunKey | undefined;
  try {
    if (execution.keyFile === true) runKey = await RunKey.make();
    const keyFile = runKey?.path ?? (execution.keyFile as string | undefined);
    const held = await beforeTheCommand(shell, () =>
      HeldCredential.obtain(clientWith(keyFile), execution.asked, signals.interrupted),
    );
    try {
      return await runWith(held, { file, keyFile }, execution, signals, say);
    } finally {
      await held.release(say, signals.interrupted);
    }
  } finally {
    await file?.remove(say);
    await runKey?.remove(say);
    signals.off();
  }
}

async function runWith(
  held: HeldCredential,
  { file, keyFile }: { readonly file: CredentialFile | undefined; readonly keyFile: string | undefined },
  execution: Execution,
  signals: SignalRelay,
  say: Say,
): Promise<number> {
  const { command, args, variable, keepsToken, terminate } = execution;
  const over = new AbortController();
  const hangUp = new AbortController();
  const ending = { over: over.signal, hangUp: hangUp.signal };
  let ends: Promise<'over' | 'stopped'>[] = [];
  try {
    await file?.put(held.credential);
    signals.interrupted.throwIfAborted();
    const environment = commandEnvironment(
      {
        [variable]: file?.path ?? held.credential.reveal(),
        // In a variable it cannot be kept fresh: whoever has it by a file reads it there.
        ...(file === undefined && awsVariables(held.type, held.credential)),
        // Without its key a bound credential is worth nothing, to the command as well.
        ...(keyFile !== undefined && { MAYFLY_DPOP_KEY_FILE: keyFile }),
      },
      { keepsToken },
    );
    const running = await RunningCommand.start(command, args, environment);
    signals.to(running);
    ends = [
      file ? keepFresh(held, file, say, ending) : sayWhenSpent(held, say, over.signal),
      ...(terminate ? [untilDead(held, { watchMs: terminate.watchMs, say, signal: over.signal })] : []),
    ];
    if (terminate) void terminateWhenOver(Promise.race(ends), running, terminate.graceMs, say);
    return await running.ended;
  } finally {
    signals.release();
    over.abort();
    // A renewal that is under way brings a lease that has to be given back, too.
    if (!(await settled(ends, LAST_ANSWER_WITHIN_MS, signals.interrupted))) hangUp.abort();
    await Promise.all(ends);
    await file?.remove(say);
  }
}

/** The first of them to tell that there is no credential any more; none of them does while there is one. */
async function terminateWhenOver(
  ended: Promise<'over' | 'stopped'>,
  running: RunningCommand,
  graceMs: number,
  say: Say,
): Promise<void> {
  if ((await ended) === 'over') running.terminate(graceMs, say);
}

async function settled(
  work: readonly Promise<unknown>[],
  withinMs: number,
  impatient: AbortSignal,
): Promise<boolean> {
  const enough = new AbortController();
  const done = Promise.all(work).then(() => true);
  const late = pause(withinMs, AbortSignal.any([enough.signal, impatient])).then(() => false);
  const answer = await Promise.race([done, late]);
  enough.abort();
  return answer;
}

/** A failure of ours, told apart from every exit code that a command is likely to have. */
async function beforeTheCommand<T>(shell: Shell, obtain: () => Promise<T>): Promise<T> {
  try {
    return await obtain();
  } catch (error) {
    const failure = error instanceof MayflyError ? failureOf(error, shell.called) : error;
    if (!(failure instanceof Failure) || failure.exit === EXIT.usage) throw failure;
    throw new Failure(EXIT.notStarted, failure.message, failure.more, failure.facts);
  }
}
