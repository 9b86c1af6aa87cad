// `mayfly revoke`: an operator's kill of any width, looked at before it is done.
import type { Command } from 'commander';
import { SELECTOR_KINDS, type SelectorKind } from '../domain/selector.js';
import type { RevocationView, SelectorView } from '../wire/revocations.js';
import { MayflyError } from '../sdk/client/index.js';
import { type BrokerOptions, brokerCommand, connect, jsonText, show } from './broker-command.js';
import type { Connection } from './connection.js';
import { EXIT, Failure, usage } from './failure.js';
import { plain } from './plain.js';
import { sayReach } from './reach.js';
import { unsettledFailure, untilSettled } from './settling.js';
import type { Shell } from './shell.js';
import { facts } from './table.js';
import { when } from './time.js';
import { ofSelector } from './unsettled.js';

interface RevokeOptions extends BrokerOptions, Partial<Record<Exclude<SelectorKind, 'all'>, string>> {
  readonly all?: true;
  readonly reason?: string;
  readonly quarantine?: true;
  readonly preview?: true;
  readonly yes?: true;
  /** Absent: waits in sight of a person, and not for a program. */
  readonly wait?: boolean;
}

/** What ends more than one task is not done by a script that was not told that it may. */
const NARROW_KINDS: ReadonlySet<SelectorKind> = new Set(['lease', 'task']);

export function addRevoke(program: Command, shell: Shell): void {
  brokerCommand(
    program,
    'revoke',
    'kill credentials: of one lease, task, agent, tool, trust or key, or all (operator)',
  )
    .option('--lease <id>', 'one credential')
    .option('--task <id>', 'a task and all below it')
    .option('--agent <name>', 'everything an agent has, or acts for others with')
    .option('--tool <name>', 'everything for a tool')
    .option('--trust <name>', 'everything got by tokens of a trusted issuer')
    .option('--key <kid>', 'everything that a signing key signed')
    .option('--all', 'everything')
    .option('--reason <text>', 'for the record; needed to revoke')
    .option('--quarantine', 'with --agent: it also gets nothing more until that is lifted')
    .option('--preview', 'only say what would die')
    .option('--yes', 'do not ask')
    .option('--wait', 'until every target has let go; done anyway without --json')
    .option('--no-wait', 'only kill: not until every target has let go')
    .action((options: RevokeOptions) => revoke(options, shell));
}

async function revoke(options: RevokeOptions, shell: Shell): Promise<void> {
  const { reason, quarantine, preview, yes } = options;
  const { kind, select } = selectorIn(options);
  if (quarantine && kind !== 'agent') throw usage('--quarantine goes with --agent');
  const connection = connect(options, shell);
  const { client } = connection;
  const text = (view: RevocationView): string => revocationText(view, connection.now());
  if (preview) {
    show(shell, options, await client.previewRevocation(select), text);
    return;
  }
  if (reason === undefined) throw usage('--reason is needed: it is what others will find in the record');
  if (!yes) {
    if (shell.canAsk) await confirm(shell, async () => text(await client.previewRevocation(select)));
    else if (!NARROW_KINDS.has(kind))
      throw usage(`nobody can be asked here: say --yes to revoke by --${kind}`);
  }
  const killed = await client.revoke({ select, reason, ...(quarantine && { quarantine }) });
  show(shell, options, killed, text);
  if (!(options.wait ?? !options.json)) return;
  if (killed.settling > 0 || killed.at_least) await settle(shell, options, connection, killed);
  const at = killed.cutoff ?? killed.at;
  if (!options.json && at !== undefined) await sayReach(shell, client, at);
}

/** The kill stands, whatever comes of this. */
async function settle(
  shell: Shell,
  { json }: RevokeOptions,
  { client }: Connection,
  { select, settling, at }: RevocationView,
): Promise<void> {
  const { unsettled, irrevocable, whereToLook } = ofSelector(client, select, at ?? '');
  const settled = await untilSettled(shell, settling, unsettled);
  const unkilled = settled.interrupted ? 0 : await irrevocable();
  if (json)
    shell.out(jsonText({ settled: settled.settled - unkilled, left: settled.left, irrevocable: unkilled }));
  const failure = unsettledFailure(settled, unkilled, whereToLook);
  if (failure) throw failure;
  if (!json) shell.out(`all ${settled.settled} have been killed at their targets`);
}

export function selectorIn(options: Readonly<Partial<Record<SelectorKind, string | true>>>): {
  kind: SelectorKind;
  select: SelectorView;
} {
  const given = SELECTOR_KINDS.filter((kind) => options[kind] !== undefined);
  const [kind] = given;
  if (kind === undefined || given.length > 1) {
    throw usage(`give exactly one of ${SELECTOR_KINDS.map((one) => `--${one}`).join(', ')}`);
  }
  return { kind, select: { [kind]: options[kind] } as SelectorView };
}

/** Somebody who has to kill is not kept from it by a preview that fails. */
async function confirm(shell: Shell, previewed: () => Promise<string>): Promise<void> {
  try {
    shell.err(await previewed());
  } catch (error) {
    if (!(error instanceof MayflyError)) throw error;
    shell.err(`what would die cannot be told: ${plain(error.message)}`);
  }
  const answer = await shell.ask('Revoke? There is no way back. Type yes: ');
  if (answer.trim().toLowerCase() !== 'yes') throw new Failure(EXIT.refused, 'nothing was revoked');
}

function revocationText(view: RevocationView, now: number): string {
  const { select, preview, dead, settling, at_least, at, cutoff, reason, quarantined } = view;
  const [[kind, name] = []] = Object.entries(select);
  return facts([
    [preview ? 'would revoke' : 'revoked', name === true ? 'everything' : `${kind} ${name}`],
    [preview ? 'would be dead at once' : 'dead', credentials(dead, at_least)],
    [preview ? 'would be killed at targets' : 'being killed at targets', credentials(settling, at_least)],
    ['at', at && when(at, now)],
    ['issued up to', cutoff && when(cutoff, now)],
    ['reason', reason === undefined ? undefined : JSON.stringify(reason)],
    ['quarantine', quarantined ? 'until it is lifted' : undefined],
  ]);
}

const credentials = (count: number, atLeast = false): string =>
  `${atLeast ? 'at least ' : ''}${count} credential${count === 1 ? '' : 's'}`;
