// `mayfly lease renew`: a fresh credential for a lease that lives, where its tool allows that.
import type { Command } from 'commander';
import { parseDuration } from '../../domain/duration.js';
import { duration } from '../arguments.js';
import { type BrokerOptions, brokerCommand, connect } from '../broker-command.js';
import { type CredentialOptions, deliver, withDelivery } from '../credential.js';
import type { Shell } from '../shell.js';

interface RenewOptions extends BrokerOptions, CredentialOptions {
  readonly ttl?: string;
}

export function addLeaseRenew(lease: Command, shell: Shell): void {
  withDelivery(brokerCommand(lease, 'renew <id>', 'a fresh credential for a live lease of yours'))
    .option('--ttl <duration>', 'how long it shall live: 5m', duration)
    .action(async (id: string, options: RenewOptions) => {
      const { ttl } = options;
      const expiry = ttl === undefined ? {} : { requested_expiry: Math.floor(parseDuration(ttl)! / 1000) };
      const connection = connect(options, shell);
      await deliver(shell, options, connection, () => connection.client.renewLease(id, expiry));
    });
}
