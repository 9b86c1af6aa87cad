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
      clip(toolOf(event), event.action === 'tool.call' ? 48 : 24),
      event.lease_id ?? '',
      event.request_id,
    ]),
  );

/** Of a flood nobody may be known: then it is where it came from. */
function whoOf({ principal, action, detail }: AuditEventView): string {
  if (principal !== undefined) return principal;
  // Whoever was refused before its credential said whose it is.
  if (action === 'tool.call') return 'nobody known';
  if (action !== 'request.limited') return 'mayfly';
  return typeof detail['address'] === 'string' ? detail['address'] : `${String(detail['others'])} others`;
}

/** The broker's, or of a call that a verifier refused the verifier's own. */
export function reasonOf({ reason, action, detail }: AuditEventView): string | undefined {
  const own = action === 'tool.call' ? detail['reason'] : undefined;
  return reason ?? (typeof own === 'string' ? own : undefined);
}

function outcomeOf(event: AuditEventView): string {
  const { outcome, action, detail } = event;
  const reason = reasonOf(event);
  const told = reason === undefined ? outcome : `${outcome}: ${reason}`;
  return action === 'request.limited' ? `${told} × ${String(detail['count'])}` : told;
}

/** Of a call also what was done, and to what. */
function toolOf({ tool = '', action, detail }: AuditEventView): string {
  if (action !== 'tool.call') return tool;
  return [tool, detail['action'], detail['resource']].filter((part) => typeof part === 'string').join(' ');
}
