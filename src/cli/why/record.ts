// What the broker has on record of a lease or a request, as far as the caller may see it.
import { isTaskId, lineageOf } from '../../domain/ids.js';
import type { AuditEventView } from '../../wire/audit.js';
import type { LeaseView } from '../../wire/leases.js';
import { BrokerRefusal, type Connection, type Query } from '../connection.js';
import { EXIT } from '../failure.js';
import { isKill } from './lease-story.js';

const MOST_EVENTS = 200;

export interface StoryRecord {
  readonly lease?: LeaseView;
  /** In the order in which they happened. */
  readonly events: readonly AuditEventView[];
  /** The broker's time. */
  readonly at: number;
  /** What could not be read, and why: the story may lack it. */
  readonly lacking: readonly string[];
}

/** Either half is worth telling: an agent may see its lease only, an auditor the log only. */
export async function leaseRecord(connection: Connection, id: string): Promise<StoryRecord> {
  const lacking: string[] = [];
  const lease = await allowed(connection.get<LeaseView>(`/v1/leases/${encodeURIComponent(id)}`), (refusal) =>
    lacking.push(`the lease itself: ${refusal.message}`),
  );
  const log = await allowed(eventsOf(connection, { lease: id }), (refusal) =>
    lacking.push(`the audit log: ${refusal.message}`),
  );
  if (!log) return { ...(lease && { lease: lease.body }), events: [], at: lease?.at ?? Date.now(), lacking };
  // A task's end and a wide kill are not filed under the leases that they ended.
  const elsewhere = lease
    ? await eventsAround(connection, lease.body)
    : await endsOfTasks(connection, log.events);
  return {
    ...(lease && { lease: lease.body }),
    events: inOrder([...log.events, ...elsewhere]),
    at: log.at,
    lacking,
  };
}

async function eventsAround(connection: Connection, lease: LeaseView): Promise<AuditEventView[]> {
  const around: AuditEventView[] = [];
  for (const request of new Set([lease.request_id, lease.ended?.request_id])) {
    if (request !== undefined) around.push(...(await eventsOf(connection, { request })).events);
  }
  return around;
}

/** How the task of the lease, and those above it, came to an end. */
async function endsOfTasks(
  connection: Connection,
  events: readonly AuditEventView[],
): Promise<AuditEventView[]> {
  const task = events.find(({ action }) => action === 'token.exchange')?.task_id;
  if (task === undefined || !isTaskId(task)) return [];
  const ends: AuditEventView[] = [];
  for (const one of lineageOf(task)) ends.push(...(await eventsOf(connection, { task: one })).events);
  return ends.filter((event) => event.lease_id === undefined && isKill(event));
}

export async function requestRecord(connection: Connection, id: string): Promise<StoryRecord> {
  const { events, at } = await eventsOf(connection, { request: id });
  return { events: inOrder(events), at, lacking: [] };
}

async function eventsOf(connection: Connection, query: Query) {
  const { body, at } = await connection.get<{ events: AuditEventView[] }>('/v1/audit', {
    ...query,
    limit: MOST_EVENTS,
  });
  return { events: body.events, at };
}

async function allowed<T>(
  asked: Promise<T>,
  refused: (refusal: BrokerRefusal) => void,
): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    const silent = error instanceof BrokerRefusal && (error.exit === EXIT.notFound || error.status === 403);
    if (!silent) throw error;
    refused(error);
    return undefined;
  }
}

const inOrder = (events: readonly AuditEventView[]): AuditEventView[] =>
  [...new Map(events.map((event) => [event.sequence, event])).values()].sort(
    (a, b) => a.sequence - b.sequence,
  );
