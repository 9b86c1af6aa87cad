// `mayfly task signal`: reports what happened in a task, after which it may have less.
import type { Command } from 'commander';
import { type BrokerOptions, brokerCommand, connect, show } from '../broker-command.js';
import type { Shell } from '../shell.js';
import { facts } from '../table.js';

interface SignalOptions extends BrokerOptions {
  readonly reason?: string;
}

export function addTaskSignal(task: Command, shell: Shell): void {
  brokerCommand(
    task,
    'signal <id> <type>',
    'report what happened in a task: untrusted_content, sensitive_data_read, anomaly',
  )
    .option('--reason <text>', 'for the record')
    .action(async (id: string, type: string, options: SignalOptions) => {
      const { reason } = options;
      const signal = { type, ...(reason !== undefined && { reason }) };
      const signalled = await connect(options, shell).client.signalTask(id, signal);
      show(shell, options, signalled, (told) =>
        facts([
          ['task', told.task_id],
          ['signal', told.added ? told.type : `${told.type}, reported before`],
          ['signals', told.signals.join('  ')],
          ['ended', told.ended_leases === 1 ? '1 lease' : `${told.ended_leases} leases`],
        ]),
      );
    });
}
