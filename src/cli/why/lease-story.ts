// How one lease came to be, stands, or died, in words.
import type { AuditEventView } from '../../wire/audit.js';
import type { LeaseView } from '../../wire/leases.js';
import { plain } from '../plain.js';
import { when } from '../time.js';

type Ending = NonNullable<LeaseView['ended']>;

/** `events` may hold more than the lease's own: the request that killed it is looked for among them. */
export function leaseStory(lease: LeaseView, events: readonly AuditEventView[], now: number): string[] {
  const { id, agent, tool, task_id: task } = lease;
  return [
    `${id} was issued to ${agent} for ${tool} (${lease.scope}) in task ${task}, at ${when(lease.issued_at, now)}; request ${lease.request_id}.`,
    ...standing(lease, events, now),
    ...orphanLines(events, now),
  ].map(plain);
}

/** The same for somebody who may read the log and not the lease. */
export function storyFromLog(id: string, events: readonly AuditEventView[], now: number): string[] {
  const issued = events.find(({ action, outcome }) => action === 'token.exchange' && outcome === 'permitted');
  const orphan = orphanLines(events, now);
  if (!issued)
    return orphan.length === 0
      ? []
      : [plain(`Of how ${id} came to be nothing is on record here.`), ...orphan.map(plain)];
  const { principal = 'somebody', tool = 'a tool', task_id: task = '', at, request_id: request } = issued;
  const kill = events.find((event) => event.sequence > issued.sequence && isKill(event));
  const lines = [
    `${id} was issued to ${principal} for ${tool} in task ${task}, at ${when(at, now)}; request ${request}.`,
  ];
  if (kill) {
    const because = KILLED_BY[kill.action]?.(kill, { agent: principal, task_id: task });
    lines.push(`It was dead from ${when(kill.at, now)} on because ${because}; request ${kill.request_id}.`);
  }
  lines.push(
    'Whether a kill of its agent, its tool or wider came before that, stands in the lease.',
    ...orphan,
  );
  return lines.map(plain);
}

/** What reconciliation found at the target, in the order in which that came to pass. */
const orphanLines = (events: readonly AuditEventView[], now: number): string[] =>
  events
    .filter(({ action }) => action === 'credential.orphan')
    .map(({ at, tool, outcome, detail, request_id: request }) => {
      const { error } = detail;
      const came =
        outcome === 'permitted'
          ? 'and killed'
          : `and could NOT be killed${typeof error === 'string' ? ` (${error})` : ''}`;
      return `Its credential was found at the target of ${tool ?? 'its tool'} without a live lease, at ${when(at, now)}, ${came}; request ${request}.`;
    });

/** Whether the event may have ended leases. */
export const isKill = ({ action, outcome }: AuditEventView): boolean =>
  outcome === 'permitted' && Object.hasOwn(KILLED_BY, action);

function standing(lease: LeaseView, events: readonly AuditEventView[], now: number): string[] {
  const { ended, state } = lease;
  if (!ended) {
    return state === 'reserved'
      ? ['Its credential is being made at the target.']
      : [`It is ${state}, and ends at ${when(lease.expires_at, now)} unless something kills it before.`];
  }
  return [endText(lease, ended, events, now), ...afterTheEnd(lease, events, now)];
}

function endText(lease: LeaseView, ended: Ending, events: readonly AuditEventView[], now: number): string {
  const at = when(ended.at, now);
  switch (ended.cause) {
    case 'ttl':
      return `It ran out by itself at ${at}: that was as long as it was issued for.`;
    case 'mint_failed':
      return `It ended at ${at}, as its credential could not be made at the target.`;
    case 'mint_unknown':
      return `It was given up at ${at}, as nobody could tell whether its credential had been made at the target.`;
    default: {
      const request = ended.request_id === undefined ? '' : `; request ${ended.request_id}`;
      return `It was killed at ${at} because ${killText(lease, ended, events)}${reasonText(ended)}${request}.`;
    }
  }
}

const reasonText = ({ reason }: Ending): string =>
  reason === undefined ? '' : ` (reason ${JSON.stringify(reason)})`;

/** Told by the event of the request that did it; without that event, by what the lease itself has on record. */
function killText(lease: LeaseView, ended: Ending, events: readonly AuditEventView[]): string {
  const kill = events.find((event) => event.request_id === ended.request_id && isKill(event));
  const told = kill && KILLED_BY[kill.action]?.(kill, lease);
  if (told !== undefined) return told;
  const { cause, name } = ended;
  if (cause === 'lease') return 'it was released or revoked';
  if (cause === 'task') return `task ${name ?? lease.task_id} ended`;
  return cause === 'all' ? 'everything was revoked' : `${cause} ${name ?? ''} was revoked`;
}

type Killed = Pick<LeaseView, 'agent' | 'task_id'>;

const KILLED_BY: Readonly<Record<string, (kill: AuditEventView, lease: Killed) => string>> = {
  'task.complete': (kill, lease) =>
    `task ${taskText(kill, lease)} was ${outcomeText(kill)} by ${kill.principal ?? 'mayfly'}`,
  'task.expire': (kill, lease) => `task ${taskText(kill, lease)} reached its deadline`,
  'revocation.create': (kill) => `${kill.principal ?? 'mayfly'} revoked ${selectText(kill)}`,
  'lease.release': (kill, lease) =>
    kill.principal === lease.agent
      ? `its agent ${lease.agent} released it`
      : `${kill.principal ?? 'mayfly'} revoked it`,
  'lease.review': () => 'policy no longer permitted it, after what had come to pass in its task',
  'token.revoke': (kill) => `${kill.principal ?? 'mayfly'} gave its credential back`,
};

const taskText = (kill: AuditEventView, lease: Killed): string => {
  const ended = kill.task_id ?? lease.task_id;
  return ended === lease.task_id ? ended : `${ended}, which ${lease.task_id} is part of,`;
};

function outcomeText({ detail }: AuditEventView): string {
  const { outcome } = detail;
  if (outcome === 'failed') return 'ended as failed';
  return typeof outcome === 'string' ? outcome : 'ended';
}

const selectText = ({ detail }: AuditEventView): string =>
  typeof detail['select'] === 'string' ? detail['select'].replace(':', ' ') : 'it';

function afterTheEnd(lease: LeaseView, events: readonly AuditEventView[], now: number): string[] {
  const { state, accepted_at: acceptedAt, confirmed_at: confirmedAt, kind } = lease;
  const forced = lease.ended?.forced;
  if (state === 'revoking' && acceptedAt !== undefined)
    return [
      `Its target has taken the order at ${when(acceptedAt, now)}; it is dead when that is in force there.`,
    ];
  if (state === 'revoking') return ['Its target has not let go of it yet: the broker keeps trying.'];
  if (state === 'irrevocable') {
    return [
      `It could NOT be killed at its target: somebody must look there.${lastError(events)}`,
      `Then \`mayfly lease retry ${lease.id}\`, or, once it is dead for certain, \`mayfly lease force\`.`,
    ];
  }
  if (forced) {
    const { at, by, reason, request_id: request } = forced;
    return [
      `It could NOT be killed at its target. ${by} said at ${when(at, now)} that it is dead (reason ${JSON.stringify(reason)}); request ${request}.`,
    ];
  }
  if (confirmedAt === undefined || kind === 'jwt') return [];
  return [`Its target let go of it at ${when(confirmedAt, now)}.`];
}

function lastError(events: readonly AuditEventView[]): string {
  const failed = events.findLast(({ action, outcome }) => action === 'lease.settle' && outcome === 'failed');
  const error = failed?.detail['error'];
  return typeof error === 'string' ? ` The last attempt said: ${error}` : '';
}
