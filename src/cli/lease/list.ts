// `mayfly lease list`: the leases of an agent, or all of them for operators.
import { type Command, Option } from 'commander';
import { LEASE_STATES, type LeaseState } from '../../domain/lease.js';
import { given, pageSize } from '../arguments.js';
import { type ListOptions, brokerCommand, connect, showList } from '../broker-command.js';
import type { Shell } from '../shell.js';
import { leasesText } from './view.js';

interface LeaseListOptions extends ListOptions {
  readonly agent?: string;
  readonly task?: string;
  readonly tool?: string;
  readonly state?: LeaseState;
  readonly after?: string;
}

export function addLeaseList(lease: Command, shell: Shell): void {
  brokerCommand(lease, 'list', 'leases, newest first: your own, or all for operators')
    .option('--agent <name>', 'only those of this agent')
    .option('--task <id>', 'only those of this task and all below it')
    .option('--tool <name>', 'only those for this tool')
    .addOption(new Option('--state <state>', 'only these').choices([...LEASE_STATES]))
    .option('--after <id>', 'the page that follows this lease')
    .option('--limit <count>', 'at most so many: 1 to 200', pageSize)
    .option('--all', 'every page; with --json one lease a line')
    .action(async (options: LeaseListOptions) => {
      const { agent, task, tool, state, after, limit } = options;
      const connection = connect(options, shell);
      const filter = given({ agent, task, tool, state, after, limit });
      await showList(shell, options, {
        page: () => connection.client.listLeases(filter),
        each: () => connection.client.eachLease({ limit: 200, ...filter }),
        items: ({ leases }) => leases,
        none: 'there are no such leases',
        render: (leases) => leasesText(leases, connection.now()),
      });
    });
}
