// `mayfly lease force`: puts on record, in the caller's name, that a credential which could not be revoked is dead.
import type { Command } from 'commander';
import { type BrokerOptions, brokerCommand, connect, show } from '../broker-command.js';
import type { Shell } from '../shell.js';
import { leaseText } from './view.js';

interface ForceOptions extends BrokerOptions {
  readonly reason: string;
}

export function addLeaseForce(lease: Command, shell: Shell): void {
  brokerCommand(
    lease,
    'force <id>',
    'say that an irrevocable credential is dead: nothing is asked of its target',
  )
    .requiredOption('--reason <text>', 'how you know: it stays on record with your name')
    .action(async (id: string, options: ForceOptions) => {
      const connection = connect(options, shell);
      const forced = await connection.client.forceLease(id, { reason: options.reason });
      show(shell, options, forced, (found) => leaseText(found, connection.now()));
    });
}
