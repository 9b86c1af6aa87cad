// `mayfly task show`: one task, what it may hold, and how it stands.
import type { Command } from 'commander';
import { type BrokerOptions, brokerCommand, connect, show } from '../broker-command.js';
import type { Shell } from '../shell.js';
import { taskText } from './view.js';

export function addTaskShow(task: Command, shell: Shell): void {
  brokerCommand(task, 'show <id>', 'one task: what it may hold, how it stands').action(
    async (id: string, options: BrokerOptions) => {
      const connection = connect(options, shell);
      show(shell, options, await connection.client.readTask(id), (found) =>
        taskText(found, connection.now()),
      );
    },
  );
}
