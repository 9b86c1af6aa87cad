// Gives a task more time, within what a task may last and inside its parent's deadline.
import type { AuditEntry } from '../audit/entry.js';
import type { Broker } from '../broker.js';
import { showDuration } from '../domain/duration.js';
import type { TaskId } from '../domain/ids.js';
import type { VerifiedPrincipal } from '../domain/principal.js';
import { Refusal } from '../domain/refusal.js';
import type { Task } from '../domain/task.js';
import { circumstancesOf } from './circumstances.js';
import { decideOpening } from './open-task.js';
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
  const excess = await beyondPolicy(broker, principal, task, deadline, entry);
  if (excess) return excess;
  const extended = await broker.store.extendTask(id, { deadline, maxTtlMs: broker.maxTaskTtlMs }, entry);
  if (extended instanceof Refusal) return extended;
  broker.wake({ by: extended.deadline });
  broker.limits.taskExtended(task, extended.deadline);
  return extended;
}

/** Decided as if it were opened for as long as it is to last in all: or a short task could be made a long one. */
async function beyondPolicy(
  broker: Broker,
  principal: VerifiedPrincipal,
  task: Task,
  deadline: number,
  entry: AuditEntry,
): Promise<Refusal | undefined> {
  const rules = broker.rules();
  if (!rules.policy.contextual) return undefined;
  const circumstances = await circumstancesOf(broker, rules, task.id, 'not_compared');
  if (circumstances instanceof Refusal) return circumstances;
  const ttlMs = deadline - task.openedAt;
  const permitted = decideOpening(broker, rules, principal, task, ttlMs, circumstances, entry);
  if (permitted instanceof Refusal) return permitted;
  const { maxTtlMs = Infinity } = permitted;
  return ttlMs > maxTtlMs
    ? new Refusal('task_ttl_exceeded', `by policy this task may last ${showDuration(maxTtlMs)} in all`)
    : undefined;
}
