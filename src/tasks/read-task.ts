// Reads tasks: one's own, or all of them for operators and auditors.
import type { AuditEntry } from '../audit/entry.js';
import type { Broker } from '../broker.js';
import type { TaskId } from '../domain/ids.js';
import { rootOf } from '../domain/ids.js';
import type { VerifiedPrincipal } from '../domain/principal.js';
import { hasRole, rolesOf } from '../domain/principal.js';
import { Refusal } from '../domain/refusal.js';
import type { Task } from '../domain/task.js';
import type { LeaseCounts, TaskQuery } from '../store/store.js';
import { taskFor } from './own.js';

export interface TaskWithCounts {
  readonly task: Task;
  readonly counts: LeaseCounts;
  /** What was reported of its tree: where one task is read. */
  readonly signals?: readonly string[];
}

export const withCounts = async (broker: Broker, task: Task): Promise<TaskWithCounts> => ({
  task,
  counts: await broker.store.countLeases(task.id),
});

export async function readTask(
  broker: Broker,
  principal: VerifiedPrincipal,
  id: TaskId,
  entry: AuditEntry,
): Promise<TaskWithCounts | Refusal> {
  const task = await taskFor(broker, principal, id, entry, ['operator', 'auditor']);
  if (task instanceof Refusal) return task;
  const [counted, { signals }] = await Promise.all([
    withCounts(broker, task),
    broker.store.readContext(rootOf(id)),
  ]);
  return { ...counted, ...(signals.length > 0 && { signals }) };
}

/** Newest first. An orchestrator sees its own only, and of those what its role reaches. */
export async function listTasks(
  broker: Broker,
  principal: VerifiedPrincipal,
  query: TaskQuery,
): Promise<TaskWithCounts[]> {
  const tasks = await broker.store.listTasks({ ...query, ...boundsOf(principal) });
  return Promise.all(tasks.map((task) => withCounts(broker, task)));
}

function boundsOf(principal: VerifiedPrincipal): Pick<TaskQuery, 'orchestrator' | 'roots'> {
  if (hasRole(principal, 'operator', 'auditor')) return {};
  const reaches = rolesOf(principal, 'orchestrator').map(({ tasks }) => tasks);
  const roots = reaches.includes(undefined) ? undefined : reaches.flatMap((tasks) => tasks ?? []);
  return { orchestrator: principal.name, ...(roots && { roots }) };
}
