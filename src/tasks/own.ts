// Whose task it is, and who else may look at it: asked before anything is said about a task.
import type { AuditEntry } from '../audit/entry.js';
import type { TaskId } from '../domain/ids.js';
import type { VerifiedPrincipal } from '../domain/principal.js';
import { hasRole, reachesTask, rolesOf } from '../domain/principal.js';
import { Refusal } from '../domain/refusal.js';
import type { Task } from '../domain/task.js';
import type { Broker } from '../broker.js';

/**
 * The task, if it is the caller's own within the reach of its role, or the caller holds one of `others`. `run`: also
 * where the caller is a job of the very run that the task opened for.
 */
export async function taskFor(
  broker: Pick<Broker, 'store'>,
  principal: VerifiedPrincipal,
  id: TaskId,
  entry: AuditEntry,
  others: readonly ('operator' | 'auditor' | 'run')[],
): Promise<Task | Refusal> {
  entry.facts.taskId = id;
  const task = await broker.store.readTask(id);
  if (!task) return new Refusal('task_unknown', `no task ${id}`);
  if (hasRole(principal, ...others.filter((other) => other !== 'run'))) return task;
  const { run } = principal;
  if (others.includes('run') && run?.taskId === id && run.orchestrator === task.orchestrator) return task;
  const own = task.orchestrator === principal.name && reachesTask(rolesOf(principal, 'orchestrator'), id);
  return own ? task : new Refusal('task_not_yours', `it belongs to ${task.orchestrator}`);
}
