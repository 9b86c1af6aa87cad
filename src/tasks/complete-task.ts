// Completes a task: from the moment this resolves, every credential of it and of all below it is dead.
import type { AuditEntry } from '../audit/entry.js';
import type { Broker } from '../broker.js';
import type { TaskId } from '../domain/ids.js';
import type { VerifiedPrincipal } from '../domain/principal.js';
import { Refusal } from '../domain/refusal.js';
import type { Task } from '../domain/task.js';
import type { Closing } from '../store/store.js';
import { taskFor } from './own.js';

/** How often the record is looked at while somebody waits for `settled`. */
const LOOK_EVERY_MS = 25;

export interface Completion {
  readonly outcome: Closing['outcome'];
  readonly reason?: string;
  /** Wait so long, at most, until the last external credential is accounted for. */
  readonly waitMs?: number;
}

/** Idempotent: of a task that is closed already, the first closing stands and is given again. */
export async function completeTask(
  broker: Broker,
  principal: VerifiedPrincipal,
  id: TaskId,
  { outcome, reason, waitMs }: Completion,
  entry: AuditEntry,
): Promise<Task | Refusal> {
  const task = await taskFor(broker, principal, id, entry, ['operator', 'run']);
  // Anybody may be a job of some run: without a role and without a task of its own it is nobody here.
  if (task instanceof Refusal)
    return principal.roles.length > 0 ? task : new Refusal('role_missing', task.detail);
  const closing = { outcome, by: principal.name, ...(reason !== undefined && { reason }) };
  const closed = await broker.store.closeTask(id, closing, entry);
  broker.wake({ ended: id });
  if (closed instanceof Refusal) return closed;
  if (closed.closed?.requestId === entry.requestId) broker.limits.taskClosed(task);
  return waitMs === undefined ? closed : settledWithin(broker, closed, waitMs, principal, entry);
}

/** Whoever has as many requests waiting as it may have is told how it stands: the task is closed all the same. */
async function settledWithin(
  broker: Broker,
  closed: Task,
  waitMs: number,
  principal: VerifiedPrincipal,
  entry: AuditEntry,
): Promise<Task> {
  if (closed.state === 'settled') return closed;
  const letGo = broker.limits.hold(principal.name, entry);
  if (!letGo) return closed;
  const until = performance.now() + waitMs;
  let task = closed;
  try {
    while (task.state !== 'settled' && performance.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
      task = (await broker.store.readTask(closed.id)) ?? task;
    }
  } finally {
    letGo();
  }
  return task;
}
