// Audit events as a table, for the log and for the timeline of one story.
import type { AuditEventView } from '../wire/audit.js';
import { clip } from './plain.js';
import { table } from './table.js';
import { when } from './time.js';

export const eventsText = (events: readonly AuditEventView[], now: number): string =>
  table(
    ['when', 'action', 'who', 'outcome', 'task', 'tool', 'lease', 'request'],
    events.map((event) => [
      when(event.at, now),
      event.action,
      clip(event.principal ?? 'mayfly', 48),
      event.reason === undefined ? event.outcome : `${event.outcome}: ${event.reason}`,
      clip(event.task_id ?? '', 40),
      clip(event.tool ?? '', 24),
      event.lease_id ?? '',
      event.request_id,
    ]),
  );
