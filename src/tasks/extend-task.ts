// Gives a task more time, within what a task may last and inside its parent's deadline.
import type { AuditEntry } from '../audit/entry.js';
import type { Broker } from '../broker.js';
import type { TaskId } from '../domain/ids.js';
import type { VerifiedPrincipal } from '../domain/principal.js';
import { Refusal } from '../domain/refusal.js';
import type { Task } from '../domain/task.js';
import { taskFor } from './own.js';

/** Credentials handed out keep their ends; only later ones, and renewals, may use the new deadline. */
export async function extendTask(
  broker: Broker,
  principal: VerifiedPrincipal,
  id: TaskId,
  until: { readonly deadline: number } | { readonly ttlMs: number },
  entry: AuditEntry,
): Promise<Task | Refusal> {
  const task = await taskFor(broker, principal, id, entry, []);
  if (task instanceof Refusal) return task;
  const deadline = 'deadline' in until ? until.deadline : (await broker.store.now()) + until.ttlMs;
  const extended = await broker.store.extendTask(id, { deadline, maxTtlMs: broker.maxTaskTtlMs }, entry);
  broker.wake();
  if (!(extended instanceof Refusal)) broker.limits.taskExtended(task, extended.deadline);
  return extended;
}
