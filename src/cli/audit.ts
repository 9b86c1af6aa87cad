// `mayfly audit`: what happened, newest first.
import type { Command } from 'commander';
import { given, pageSize, sequence } from './arguments.js';
import { type ListOptions, brokerCommand, connect, showList } from './broker-command.js';
import { eventsText } from './events.js';
import type { Shell } from './shell.js';

interface AuditOptions extends ListOptions {
  readonly task?: string;
  readonly agent?: string;
  readonly lease?: string;
  readonly request?: string;
  readonly before?: number;
  readonly after?: number;
}

export function addAudit(program: Command, shell: Shell): void {
  brokerCommand(program, 'audit', 'the audit log, newest first (operator, auditor)')
    .option('--task <id>', 'only events of this task')
    .option('--agent <name>', 'only what this principal did')
    .option('--lease <id>', 'only events of this lease')
    .option('--request <id>', 'only events of this request')
    .option('--limit <count>', 'at most so many: 1 to 200', pageSize)
    .option('--before <sequence>', 'the page that follows this event', sequence)
    .option('--after <sequence>', 'only events that came after this one', sequence)
    .option('--all', 'every page; with --json one event a line')
    .action(async (options: AuditOptions) => {
      const { task, agent, lease, request, before, after, limit } = options;
      const connection = connect(options, shell);
      const filter = given({ task, agent, lease, request, before, after, limit });
      await showList(shell, options, {
        page: () => connection.client.readAudit(filter),
        each: () => connection.client.eachAuditEvent({ limit: 200, ...filter }),
        nextOption: '--before',
        items: ({ events }) => events,
        none: 'there are no such events',
        render: (events) => eventsText(events, connection.now()),
      });
    });
}
