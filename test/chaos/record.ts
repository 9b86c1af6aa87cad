// What the audit log itself says, whatever callers saw: nothing issued after an end, and no acknowledgement without its event.
import type { AuditEvent } from '../../src/audit/event.js';
import { systemClock } from '../../src/domain/clock.js';
import { openEmbeddedStore } from '../../src/store/embedded/embedded-store.js';
import type { Store } from '../../src/store/store.js';
import { openRedisStore } from '../../src/store/redis/redis-store.js';
import { TERMS } from '../contract/store/harness.js';
import type { RedisDeployment } from '../fixtures/redis/deployment.js';
import { QUIET, redisOptions } from '../store/redis-harness.js';
import type { Acknowledged } from './ledger.js';

/** In the order of their sequence, read from what a broker left behind. */
export async function embeddedRecord(path: string): Promise<AuditEvent[]> {
  const store = openEmbeddedStore({ path, clock: systemClock(), ...TERMS });
  try {
    return (await store.auditEvents({ limit: Number.MAX_SAFE_INTEGER })).toReversed();
  } finally {
    await store.close();
  }
}

/** The store that brokers share, as one more broker opens it: it knows nothing but what is there. */
export const redisStore = (redis: RedisDeployment): Promise<Store> =>
  openRedisStore({ redis: redisOptions(redis), ...TERMS, log: QUIET });

/** In the order of their sequence. */
export async function redisRecord(redis: RedisDeployment): Promise<AuditEvent[]> {
  const store = await redisStore(redis);
  try {
    return (await store.auditEvents({ limit: Number.MAX_SAFE_INTEGER })).toReversed();
  } finally {
    await store.close();
  }
}

export interface Aftermath {
  /** Trees, tasks and leases that came to an end. */
  readonly ended: ReadonlySet<string>;
  /** Issued or renewed after that. */
  readonly after: readonly string[];
}

/** Within a task tree the sequence is the order of commits, at whichever broker they were asked for. */
export function issuedAfterEnd(events: readonly AuditEvent[]): Aftermath {
  const ended = new Set<string>();
  const after: string[] = [];
  for (const event of events) {
    const { action, outcome, taskId = '', leaseId, sequence } = event;
    if (outcome !== 'permitted') continue;
    const end = endedBy(event);
    if (end !== undefined) ended.add(end);
    if (action !== 'token.exchange' && action !== 'lease.renew') continue;
    const names = [...lineage(taskId).map((task) => `task:${task}`), `lease:${leaseId}`];
    if (names.some((name) => ended.has(name))) after.push(`${sequence} ${action} for ${taskId}`);
  }
  return { ended, after };
}

/** The selector of what the event ended, unless that is wide: those say nothing about order across trees. */
function endedBy({ action, taskId, leaseId }: AuditEvent): string | undefined {
  if (action === 'task.complete' || action === 'task.expire') return `task:${taskId}`;
  if (action === 'lease.release') return `lease:${leaseId}`;
  if (action !== 'revocation.create') return undefined;
  if (leaseId !== undefined) return `lease:${leaseId}`;
  return taskId === undefined ? undefined : `task:${taskId}`;
}

/** The task, and all that it lies below. */
const lineage = (task: string): string[] =>
  task.split('.').map((_name, index, names) => names.slice(0, index + 1).join('.'));

/** What was acknowledged and has no event, or one that says otherwise. */
export function unrecorded(
  events: readonly AuditEvent[],
  acknowledgements: readonly Acknowledged[],
): Acknowledged[] {
  const record = new Map(events.map((event) => [event.requestId as string, event]));
  return acknowledgements.filter(({ requestId, action }) => {
    const event = record.get(requestId);
    return event?.action !== action || event.outcome !== 'permitted';
  });
}

/** Requests that were done more than once: a call that is made again after a broken connection must find itself done. */
export function toldTwice(events: readonly AuditEvent[]): string[] {
  const told = new Set<string>();
  const twice: string[] = [];
  for (const { requestId, action, outcome } of events) {
    if (outcome !== 'permitted' || action === 'task.expire') continue;
    if (told.has(requestId)) twice.push(`${action} ${requestId}`);
    told.add(requestId);
  }
  return twice;
}
