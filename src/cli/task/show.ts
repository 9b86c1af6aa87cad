// `mayfly task show`: one task, what it may hold, and how it stands.
import type { Command } from 'commander';
import type { TaskView } from '../../wire/tasks.js';
import { type BrokerOptions, brokerCommand, connect, show } from '../broker-command.js';
import type { Shell } from '../shell.js';
import { taskText } from './view.js';

export function addTaskShow(task: Command, shell: Shell): void {
  brokerCommand(task, 'show <id>', 'one task: what it may hold, how it stands').action(
    async (id: string, options: BrokerOptions) => {
      const answer = await connect(options, shell).get<TaskView>(`/v1/tasks/${encodeURIComponent(id)}`);
      show(shell, options, answer, taskText);
    },
  );
}
