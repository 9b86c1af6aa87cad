// `mayfly task complete`: ends a task, and with it every credential of it and of all below it.
import { type Command, Option } from 'commander';
import { parseDuration } from '../../domain/duration.js';
import { NAMED_OUTCOMES } from '../../domain/task.js';
import type { TaskView } from '../../wire/tasks.js';
import { duration } from '../arguments.js';
import { type BrokerOptions, brokerCommand, connect, show } from '../broker-command.js';
import type { Shell } from '../shell.js';
import { taskText } from './view.js';

interface CompleteOptions extends BrokerOptions {
  readonly outcome?: string;
  readonly reason?: string;
  readonly wait?: string;
}

export function addTaskComplete(task: Command, shell: Shell): void {
  brokerCommand(task, 'complete <id>', 'end a task: every credential of it is dead when this returns')
    .addOption(new Option('--outcome <outcome>', 'how it ended: completed').choices([...NAMED_OUTCOMES]))
    .option('--reason <text>', 'for the record')
    .option('--wait <duration>', 'wait until every target has let go, so long at most (20s)', duration)
    .action(async (id: string, options: CompleteOptions) => {
      const { outcome, reason, wait } = options;
      const body = { ...(outcome !== undefined && { outcome }), ...(reason !== undefined && { reason }) };
      const waitMs = parseDuration(wait ?? '') ?? 0;
      const path = `/v1/tasks/${encodeURIComponent(id)}/complete`;
      const answer = await connect(options, shell).post<TaskView>(path, body, { query: { wait }, waitMs });
      show(shell, options, answer, taskText);
    });
}
