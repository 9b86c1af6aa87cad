// What verifiers told of calls with a credential, in words.
import type { AuditEventView } from '../../wire/audit.js';
import { reasonOf } from '../events.js';
import { plain } from '../plain.js';
import { when } from '../time.js';

/** A credential may have been used a thousand times: so many of its calls stand in a story. */
const MOST_CALLS = 10;
/** One page of events is looked at: where nearly all of it are calls, there may be more. */
const NEARLY_A_PAGE = 190;

const isCall = ({ action }: AuditEventView): boolean => action === 'tool.call';

/** One call as a sentence. */
export function callStory(event: AuditEventView, now: number): string {
  const { principal, tool = 'a tool', task_id: task, lease_id: lease, outcome } = event;
  const { action, resource, reported_by: by } = event.detail;
  const what = [action, resource].filter((part) => typeof part === 'string').join(' ');
  const about = [what, task && `task ${task}`, lease].filter(Boolean).join(', ');
  const who = principal ?? 'somebody whose credential was not accepted';
  const reason = reasonOf(event);
  const became = outcome === 'permitted' ? 'accepted' : ['REFUSED', reason].filter(Boolean).join(', ');
  return plain(
    `At ${when(event.at, now)}, ${String(by)} told that ${who} called ${tool}${about === '' ? '' : ` (${about})`}: ${became}.`,
  );
}

/** What became of a credential where it was shown, as far as verifiers have told. */
export function callsStory(events: readonly AuditEventView[], now: number): string[] {
  const calls = events.filter(isCall);
  const latest = calls.at(-1);
  if (!latest) return [];
  const refused = calls.filter(({ outcome }) => outcome === 'refused');
  const reason = refused.length > 0 ? reasonOf(refused.at(-1)!) : undefined;
  const counts = [
    `${calls.length - refused.length} accepted`,
    `${refused.length} refused`,
    ...(reason === undefined ? [] : [`the latest as ${reason}`]),
  ].join(', ');
  const told = `${calls.length >= NEARLY_A_PAGE ? 'at least ' : ''}${calls.length} ${calls.length === 1 ? 'call' : 'calls'}`;
  return [plain(`Verifiers have told of ${told} with it: ${counts}; the last at ${when(latest.at, now)}.`)];
}

/** All events but the calls, and of those the latest. */
export function withoutManyCalls(events: readonly AuditEventView[]): AuditEventView[] {
  const latest = new Set(events.filter(isCall).slice(-MOST_CALLS));
  return events.filter((event) => !isCall(event) || latest.has(event));
}
