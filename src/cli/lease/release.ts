// `mayfly lease release`: gives a credential back before its time.
import type { Command } from 'commander';
import { type BrokerOptions, brokerCommand, connect, show } from '../broker-command.js';
import type { Shell } from '../shell.js';
import { leaseText } from './view.js';

export function addLeaseRelease(lease: Command, shell: Shell): void {
  brokerCommand(lease, 'release <id>', 'end a lease of yours, or any for operators').action(
    async (id: string, options: BrokerOptions) => {
      const connection = connect(options, shell);
      const released = await connection.client.releaseLease(id);
      show(shell, options, released, (found) => leaseText(found, connection.now()));
    },
  );
}
