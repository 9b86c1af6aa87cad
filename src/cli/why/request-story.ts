// What one request came to, in words: who asked for what, the true reason, and what to do about it.
import type { AuditEventView } from '../../wire/audit.js';
import { plain } from '../plain.js';
import { when } from '../time.js';
import { adviceFor } from './advice.js';
import { callStory } from './call-story.js';

/** What somebody did, by the action of the audit log; one that is not here is shown by its name. */
const DID: Readonly<Record<string, string>> = {
  'token.exchange': 'asked for a credential',
  'token.introspect': 'asked whether a credential is alive',
  'token.revoke': 'gave a credential back',
  'task.open': 'opened a task',
  'task.read': 'looked at a task',
  'task.receipt': 'asked for the receipt of a task',
  'task.credentials': 'asked for several credentials of a task',
  'task.list': 'listed tasks',
  'task.extend': 'extended a task',
  'task.complete': 'ended a task',
  'task.expire': 'ended a task whose deadline had come',
  'task.signal': 'told what happened in a task',
  'lease.read': 'looked at a lease',
  'lease.list': 'listed leases',
  'lease.renew': 'renewed a lease',
  'lease.again': 'asked for a credential again, and got the one that it had',
  'lease.release': 'released a lease',
  'lease.settle': 'went to kill a credential at its target',
  'lease.retry': 'had a credential that was irrevocable killed once more',
  'lease.force': 'said that a credential which was irrevocable is dead',
  'lease.review': 'decided on a credential again, and ended it',
  'credential.orphan': 'found a credential without a live lease at its target, and went to kill it',
  'revocation.preview': 'looked at what a revocation would end',
  'revocation.create': 'revoked credentials',
  'quarantine.list': 'listed quarantines',
  'quarantine.lift': 'lifted a quarantine',
  'feed.read': 'read the revocation feed',
  'feed.stream': 'began to follow the revocation feed',
  'feed.acknowledge': 'said that it had applied what the revocation feed told',
  'target.reconcile': 'compared what targets hold with what is on record',
  'verifier.list': 'looked at who reads the revocation feed',
  'tool.list': 'listed tools',
  'tool.call': 'called a tool',
  'tool.report': 'reported tool calls',
  'audit.read': 'read the audit log',
  'metrics.read': 'read the metrics',
  'key.rotate': 'rotated the signing keys',
  'store.recover': 'made good what the store had lost',
  'request.limited': 'met a limit, with requests that are counted here together',
};

/** What we do ourselves, unless somebody asked for it. */
const OURS: ReadonlySet<string> = new Set(['lease.settle', 'credential.orphan', 'target.reconcile']);

const OUTCOME: Readonly<Record<string, string>> = {
  permitted: 'permitted',
  refused: 'REFUSED',
  failed: 'FAILED: a fault on the side of the broker or of a target',
};

/** One event as a paragraph. */
export function requestStory(event: AuditEventView, now: number): string[] {
  if (event.action === 'tool.call') return [callStory(event, now)];
  const { action, outcome, principal, task_id: task, lease_id: lease, tool, reason, detail } = event;
  const did = DID[action] ?? `did ${action}`;
  const about = [tool && `tool ${tool}`, task && `task ${task}`, lease].filter(Boolean).join(', ');
  const isOurs = outcome === 'permitted' || (outcome === 'failed' && OURS.has(action));
  const who = principal ?? (isOurs ? 'mayfly' : 'somebody whose token was not accepted');
  return [
    plain(`At ${when(event.at, now)}, ${who} ${did}${about === '' ? '' : ` (${about})`}.`),
    plain(`Outcome: ${OUTCOME[outcome] ?? outcome}${reason === undefined ? '' : `, ${reason}`}.`),
    ...reasonLines(reason),
    ...detailLines(detail),
  ];
}

function reasonLines(reason: string | undefined): string[] {
  if (reason === undefined) return [];
  const known = adviceFor(reason);
  if (!known) return ['Reason:  one that this mayfly does not know: the broker is newer.'];
  return [`Reason:  ${known.means}.`, `To do:   ${known.todo}`];
}

/** What the decision was made of comes first and in words; the rest as it was recorded. */
function detailLines({ why, error, flaws: _told, ...rest }: AuditEventView['detail']): string[] {
  const lines: string[] = [];
  if (typeof why === 'string') lines.push(`Detail:  ${why}`);
  if (typeof error === 'string') lines.push(`Error:   ${error}`);
  if (Object.keys(rest).length > 0) lines.push(`Facts:   ${JSON.stringify(rest)}`);
  return lines.map(plain);
}
