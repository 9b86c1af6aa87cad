// `mayfly lease show`: one lease, never with its credential.
import type { Command } from 'commander';
import { type BrokerOptions, brokerCommand, connect, show } from '../broker-command.js';
import type { Shell } from '../shell.js';
import { leaseText } from './view.js';

export function addLeaseShow(lease: Command, shell: Shell): void {
  brokerCommand(lease, 'show <id>', 'one lease').action(async (id: string, options: BrokerOptions) => {
    const connection = connect(options, shell);
    show(shell, options, await connection.client.readLease(id), (found) =>
      leaseText(found, connection.now()),
    );
  });
}
