// What the broker has on record of a lease or a request, as far as the caller may see it.
import { isTaskId, lineageOf } from '../../domain/ids.js';
import type { AuditEventView } from '../../wire/audit.js';
import type { LeaseView } from '../../wire/leases.js';
import type { AuditFilter } from '../../sdk/client/index.js';
import { MayflyError } from '../../sdk/client/index.js';
import type { Connection } from '../connection.js';
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
  const lease = await allowed(connection.client.readLease(id), (refusal) =>
    lacking.push(`the lease itself: ${refusal.message}`),
  );
  const events = await allowed(eventsOf(connection, { lease: id }), (refusal) =>
    lacking.push(`the audit log: ${refusal.message}`),
  );
  if (!events) return { ...(lease && { lease }), events: [], at: connection.now(), lacking };
  // A task's end and a wide kill are not filed under the leases that they ended.
  const elsewhere = lease ? await eventsAround(connection, lease) : await endsOfTasks(connection, events);
  return {
    ...(lease && { lease }),
    events: inOrder([...events, ...elsewhere]),
    at: connection.now(),
    lacking,
  };
}

async function eventsAround(connection: Connection, lease: LeaseView): Promise<AuditEventView[]> {
  const around: AuditEventView[] = [];
  for (const request of new Set([lease.request_id, lease.ended?.request_id])) {
    if (request !== undefined) around.push(...(await eventsOf(connection, { request })));
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
  for (const one of lineageOf(task)) ends.push(...(await eventsOf(connection, { task: one })));
  return ends.filter((event) => event.lease_id === undefined && isKill(event));
}

export async function requestRecord(connection: Connection, id: string): Promise<StoryRecord> {
  const events = await eventsOf(connection, { request: id });
  return { events: inOrder(events), at: connection.now(), lacking: [] };
}

async function eventsOf({ client }: Connection, filter: AuditFilter): Promise<AuditEventView[]> {
  return (await client.readAudit({ ...filter, limit: MOST_EVENTS })).events;
}

async function allowed<T>(
  asked: Promise<T>,
  refused: (refusal: MayflyError) => void,
): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (!(error instanceof MayflyError) || !(error.status === 403 || error.status === 404)) throw error;
    refused(error);
    return undefined;
  }
}

const inOrder = (events: readonly AuditEventView[]): AuditEventView[] =>
  [...new Map(events.map((event) => [event.sequence, event])).values()].sort(
    (a, b) => a.sequence - b.sequence,
  );
