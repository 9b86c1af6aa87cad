// `mayfly task complete`: ends a task, and with it every credential of it and of all below it.
import { type Command, Option } from 'commander';
import { parseDuration } from '../../domain/duration.js';
import { NAMED_OUTCOMES } from '../../domain/task.js';
import type { CompleteTaskRequest } from '../../wire/tasks.js';
import { duration, given } from '../arguments.js';
import { type BrokerOptions, brokerCommand, connect, show } from '../broker-command.js';
import type { Connection } from '../connection.js';
import { unsettledFailure, untilSettled } from '../settling.js';
import type { Shell } from '../shell.js';
import { ofTree } from '../unsettled.js';
import { taskText } from './view.js';

interface CompleteOptions extends BrokerOptions {
  readonly outcome?: NonNullable<CompleteTaskRequest>['outcome'];
  readonly reason?: string;
  readonly wait?: string;
}

export function addTaskComplete(task: Command, shell: Shell): void {
  brokerCommand(task, 'complete <id>', 'end a task: every credential of it is dead when this returns')
    .addOption(new Option('--outcome <outcome>', 'how it ended: completed').choices([...NAMED_OUTCOMES]))
    .option('--reason <text>', 'for the record')
    .option('--wait <duration>', 'wait until every target has let go, so long at most: 30s', duration)
    .action(async (id: string, options: CompleteOptions) => {
      const { outcome, reason, wait } = options;
      const connection = connect(options, shell);
      // The kill first, by itself: whatever becomes of the waiting, it stands.
      const closed = await connection.client.completeTask(id, given({ outcome, reason }));
      const waiting = wait !== undefined && closed.state !== 'settled';
      const ended = waiting ? await settledTask(shell, connection, id, parseDuration(wait)!) : closed;
      show(shell, options, ended, (found) => taskText(found, connection.now()));
    });
}

async function settledTask(shell: Shell, { client }: Connection, id: string, forMs: number) {
  const { unsettled, irrevocable, whereToLook } = ofTree(client, id);
  const { left: total } = await unsettled();
  const settled = await untilSettled(shell, total, unsettled, forMs);
  const failure = unsettledFailure(settled, settled.interrupted ? 0 : await irrevocable(), whereToLook);
  if (failure) throw failure;
  return client.readTask(id);
}
