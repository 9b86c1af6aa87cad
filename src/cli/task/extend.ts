// `mayfly task extend`: gives a task more time.
import type { Command } from 'commander';
import { duration } from '../arguments.js';
import { type BrokerOptions, brokerCommand, connect, show } from '../broker-command.js';
import { usage } from '../failure.js';
import type { Shell } from '../shell.js';
import { taskText } from './view.js';

interface ExtendOptions extends BrokerOptions {
  readonly ttl?: string;
  readonly deadline?: string;
}

export function addTaskExtend(task: Command, shell: Shell): void {
  brokerCommand(task, 'extend <id>', 'give a task a later deadline')
    .option('--ttl <duration>', 'from now: 30m', duration)
    .option('--deadline <time>', 'until then: 2026-03-01T18:00:00Z')
    .action(async (id: string, options: ExtendOptions) => {
      const { ttl, deadline } = options;
      if ((ttl === undefined) === (deadline === undefined)) throw usage('give either --ttl or --deadline');
      const connection = connect(options, shell);
      const later = ttl === undefined ? { deadline } : { ttl };
      const extended = await connection.client.extendTask(id, later);
      show(shell, options, extended, (found) => taskText(found, connection.now()));
    });
}
