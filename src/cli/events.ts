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
      clip(whoOf(event), 48),
      clip(outcomeOf(event), 48),
      clip(event.task_id ?? '', 40),
      clip(event.tool ?? '', 24),
      event.lease_id ?? '',
      event.request_id,
    ]),
  );

/** Of a flood nobody may be known: then it is where it came from. */
function whoOf({ principal, action, detail }: AuditEventView): string {
  if (principal !== undefined) return principal;
  if (action !== 'request.limited') return 'mayfly';
  return typeof detail['address'] === 'string' ? detail['address'] : `${String(detail['others'])} others`;
}

function outcomeOf({ outcome, reason, action, detail }: AuditEventView): string {
  const told = reason === undefined ? outcome : `${outcome}: ${reason}`;
  return action === 'request.limited' ? `${told} × ${String(detail['count'])}` : told;
}
