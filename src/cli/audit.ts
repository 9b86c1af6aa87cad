// `mayfly audit`: what happened, newest first.
import type { Command } from 'commander';
import type { AuditEventView } from '../wire/audit.js';
import { pageSize } from './arguments.js';
import { type BrokerOptions, brokerCommand, connect, showList } from './broker-command.js';
import { eventsText } from './events.js';
import type { Shell } from './shell.js';

interface AuditOptions extends BrokerOptions {
  readonly task?: string;
  readonly agent?: string;
  readonly lease?: string;
  readonly request?: string;
  readonly limit?: number;
}

export function addAudit(program: Command, shell: Shell): void {
  brokerCommand(program, 'audit', 'the audit log, newest first (operator, auditor)')
    .option('--task <id>', 'only events of this task')
    .option('--agent <name>', 'only what this principal did')
    .option('--lease <id>', 'only events of this lease')
    .option('--request <id>', 'only events of this request')
    .option('--limit <count>', 'at most so many: 1 to 200', pageSize)
    .action(async (options: AuditOptions) => {
      const { task, agent, lease, request, limit } = options;
      const query = { task, agent, lease, request, limit };
      const answer = await connect(options, shell).get<{ events: AuditEventView[] }>('/v1/audit', query);
      showList(shell, options, answer, {
        items: ({ events }) => events,
        none: 'there are no such events',
        render: eventsText,
      });
    });
}
