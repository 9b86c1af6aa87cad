// `mayfly recover`: for an operator who restored a backup. Kills and closes what it may have revived, looked at before it is done.
import type { Command } from 'commander';
import type { RecoverBody, RecoveryPreview, RecoveryView } from '../wire/recovery.js';
import { MayflyError } from '../sdk/client/index.js';
import { type BrokerOptions, brokerCommand, connect, jsonText, show } from './broker-command.js';
import { type Connection, failureOf } from './connection.js';
import { EXIT, Failure, usage } from './failure.js';
import { plain } from './plain.js';
import type { Shell } from './shell.js';
import { facts, table } from './table.js';
import { when } from './time.js';

interface RecoverOptions extends BrokerOptions {
  readonly reason?: string;
  readonly keepTasks?: true;
  readonly cutoff?: string;
  readonly preview?: true;
  readonly yes?: true;
}

export function addRecover(program: Command, shell: Shell): void {
  brokerCommand(
    program,
    'recover',
    'after a restored backup: kill all that was issued before now, close the tasks that were open (operator)',
  )
    .option('--reason <text>', 'for the record; needed to recover')
    .option('--keep-tasks', 'kill credentials only: open tasks stay open')
    .option(
      '--cutoff <time>',
      'go on with one that was interrupted: kill nothing more, close what was open then',
    )
    .option('--preview', 'only say what would end')
    .option('--yes', 'do not ask')
    .action((options: RecoverOptions) => recover(options, shell));
}

async function recover(options: RecoverOptions, shell: Shell): Promise<void> {
  const { reason, keepTasks, cutoff, preview, yes } = options;
  const connection = connect(options, shell);
  if (preview) {
    show(shell, options, await previewOf(connection, options), previewText);
    return;
  }
  if (reason === undefined) throw usage('--reason is needed: it is what others will find in the record');
  if (keepTasks && cutoff !== undefined)
    throw usage('--cutoff is for closing tasks: it does not go with --keep-tasks');
  if (!yes) {
    if (!shell.canAsk) throw usage('nobody can be asked here: say --yes to recover');
    await confirm(options, connection, shell);
  }
  const body = { reason, ...(keepTasks && { keep_tasks: true }), ...(cutoff !== undefined && { cutoff }) };
  const view = await recovered(connection, body, shell);
  shell.out(options.json ? jsonText(view) : recoveryText(view, keepTasks ?? false, connection.now()));
}

const previewOf = ({ client }: Connection, { keepTasks }: RecoverOptions): Promise<RecoveryPreview> =>
  client.previewRecovery(keepTasks ? { keep_tasks: true } : {});

/** Somebody who has to recover is not kept from it by a preview that fails. */
async function confirm(options: RecoverOptions, connection: Connection, shell: Shell): Promise<void> {
  const { cutoff, keepTasks } = options;
  if (cutoff === undefined) {
    try {
      shell.err(previewText(await previewOf(connection, options)));
    } catch (error) {
      if (!(error instanceof MayflyError)) throw error;
      shell.err(`what would end cannot be told: ${plain(error.message)}`);
    }
  }
  const what =
    cutoff === undefined
      ? keepTasks
        ? 'Kill'
        : 'Kill and close'
      : `Close what was open at ${plain(cutoff)}`;
  const answer = await shell.ask(`${what}? There is no way back. Type yes: `);
  if (answer.trim().toLowerCase() !== 'yes') throw new Failure(EXIT.refused, 'nothing was recovered');
}

/** Asks until no task is left. All answers as one: what the first one killed, what all of them closed. */
async function recovered(connection: Connection, body: RecoverBody, shell: Shell): Promise<RecoveryView> {
  const { client } = connection;
  const first = await client.recover(body);
  const { reason, cutoff } = first;
  let last = first;
  let closed = first.tasks_closed;
  while (!last.done) {
    shell.err(`${count(closed, 'task')} closed so far`);
    try {
      last = await client.recover({ reason, cutoff });
    } catch (error) {
      if (!(error instanceof MayflyError)) throw error;
      const failure = failureOf(error, shell.called);
      const goingOn = [
        ...failure.more,
        `  all that was issued up to ${cutoff} is dead; ${count(closed, 'task')} closed, and there are more`,
        `  to go on: the same command with --cutoff ${cutoff}`,
      ];
      throw new Failure(failure.exit, failure.message, goingOn, {
        ...failure.facts,
        cutoff,
        tasks_closed: closed,
      });
    }
    closed += last.tasks_closed;
  }
  return { ...first, ...last, tasks_closed: closed };
}

function previewText({ dead, settling, at_least, tasks, tasks_at_least }: RecoveryPreview): string {
  return facts([
    ['would revoke', 'everything that was issued up to now'],
    ['would be dead at once', count(dead, 'credential', at_least)],
    ['would be killed at targets', count(settling, 'credential', at_least)],
    [
      'would be closed',
      tasks === undefined ? 'no task' : `${count(tasks, 'task', tasks_at_least)}, with all below`,
    ],
  ]);
}

function recoveryText(view: RecoveryView, keptTasks: boolean, now: number): string {
  const { dead, settling, at_least, cutoff, tasks_closed, reason, quarantines, signing_keys } = view;
  return [
    facts([
      ['revoked', `everything that was issued up to ${when(cutoff, now)}`],
      ['dead', dead === undefined ? undefined : count(dead, 'credential', at_least)],
      [
        'being killed at targets',
        settling === undefined ? undefined : count(settling, 'credential', at_least),
      ],
      ['closed', keptTasks ? 'no task' : `${count(tasks_closed, 'task')}, with all below`],
      ['reason', JSON.stringify(reason)],
    ]),
    '',
    'A backup also forgets these. Compare with what you know, and mend by hand:',
    '',
    quarantines.length === 0 ? 'No agent is in quarantine.' : 'Agents in quarantine:',
    ...(quarantines.length === 0
      ? []
      : [
          table(
            [],
            quarantines.map(({ agent, since }) => ['  ', agent, `since ${when(since, now)}`]),
          ),
        ]),
    '  one is missing:       mayfly revoke --agent NAME --quarantine --reason TEXT',
    '  one had been lifted:  mayfly quarantine lift NAME',
    '',
    'Signing keys:',
    table(
      [],
      signing_keys.map(({ kid, signs_from: from }) => ['  ', kid, `signs from ${when(from, now)}`]),
    ),
    '  one had been killed:  mayfly revoke --key KID --reason TEXT',
  ].join('\n');
}

const count = (many: number, what: string, atLeast = false): string =>
  `${atLeast ? 'at least ' : ''}${many} ${what}${many === 1 ? '' : 's'}`;
