// `mayfly lease retry`: has a credential that could not be revoked killed at its target once more.
import type { Command } from 'commander';
import { type BrokerOptions, brokerCommand, connect, show } from '../broker-command.js';
import type { Shell } from '../shell.js';
import { leaseText } from './view.js';

export function addLeaseRetry(lease: Command, shell: Shell): void {
  brokerCommand(lease, 'retry <id>', 'try again to kill a credential that is irrevocable').action(
    async (id: string, options: BrokerOptions) => {
      const connection = connect(options, shell);
      const retried = await connection.client.retryLease(id);
      show(shell, options, retried, (found) => leaseText(found, connection.now()));
    },
  );
}
