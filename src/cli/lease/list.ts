// `mayfly lease list`: the leases of an agent, or all of them for operators.
import { type Command, Option } from 'commander';
import { LEASE_STATES } from '../../domain/lease.js';
import type { LeaseList } from '../../wire/leases.js';
import { pageSize } from '../arguments.js';
import { type BrokerOptions, brokerCommand, connect, showList } from '../broker-command.js';
import type { Shell } from '../shell.js';
import { leasesText } from './view.js';

interface ListOptions extends BrokerOptions {
  readonly agent?: string;
  readonly task?: string;
  readonly tool?: string;
  readonly state?: string;
  readonly after?: string;
  readonly limit?: number;
}

export function addLeaseList(lease: Command, shell: Shell): void {
  brokerCommand(lease, 'list', 'leases, newest first: your own, or all for operators')
    .option('--agent <name>', 'only those of this agent')
    .option('--task <id>', 'only those of this task and all below it')
    .option('--tool <name>', 'only those for this tool')
    .addOption(new Option('--state <state>', 'only these').choices([...LEASE_STATES]))
    .option('--after <id>', 'the page that follows this lease')
    .option('--limit <count>', 'at most so many: 1 to 200', pageSize)
    .action(async (options: ListOptions) => {
      const { agent, task, tool, state, after, limit } = options;
      const query = { agent, task, tool, state, after, limit };
      showList(shell, options, await connect(options, shell).get<LeaseList>('/v1/leases', query), {
        items: ({ leases }) => leases,
        none: 'there are no such leases',
        render: leasesText,
      });
    });
}
