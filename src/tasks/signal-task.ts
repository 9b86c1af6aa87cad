// Reports what happened in a task. It belongs to the whole tree, stays, and only narrows: live leases are decided again.
import type { AuditEntry } from '../audit/entry.js';
import type { Broker } from '../broker.js';
import type { TaskId } from '../domain/ids.js';
import { rootOf } from '../domain/ids.js';
import type { VerifiedPrincipal } from '../domain/principal.js';
import { reachesTool, rolesOf } from '../domain/principal.js';
import { Refusal } from '../domain/refusal.js';
import type { Task } from '../domain/task.js';
import type { TreeContext } from '../domain/tree-context.js';
import { taskFor } from './own.js';
import { reviewTree } from './review-tree.js';

/** Types that one tree may have beside those that are always taken: each of them is a review of all that lives. */
export const MOST_TYPES = 64;
/** Those that the shipped policies know: no flood of other types, by whom a tool belongs to, is to keep them out. */
const ALWAYS_TAKEN: ReadonlySet<string> = new Set(['untrusted_content', 'sensitive_data_read', 'anomaly']);

export interface Signalled {
  readonly root: TaskId;
  readonly context: TreeContext;
  /** False where it had been reported before. */
  readonly added: boolean;
  /** How many leases ended, because they would now be denied. */
  readonly ended: number;
}

/**
 * When this resolves, nothing that was decided without the signal can be issued any more, and what it forbids is dead. The
 * same again is not reviewed again, but what nobody finished is finished.
 */
export async function signalTask(
  broker: Broker,
  principal: VerifiedPrincipal,
  id: TaskId,
  { type, reason }: { readonly type: string; readonly reason?: string },
  entry: AuditEntry,
): Promise<Signalled | Refusal> {
  const task = await signalledTask(broker, principal, id, entry);
  if (task instanceof Refusal) return task;
  if (reason !== undefined) entry.learn({ reason });
  const signalled = await broker.store.signalTask(id, type, mostWith(type), entry);
  if (signalled instanceof Refusal) return signalled;
  const root = rootOf(id);
  const { context, added, due } = signalled;
  return { root, context, added, ended: due ? await reviewTree(broker, root, entry) : 0 };
}

const mostWith = (type: string): number => MOST_TYPES + (ALWAYS_TAKEN.has(type) ? ALWAYS_TAKEN.size : 0);

/** One's own, or for a verifier one that may hold a credential for a tool of its. */
async function signalledTask(
  broker: Broker,
  principal: VerifiedPrincipal,
  id: TaskId,
  entry: AuditEntry,
): Promise<Task | Refusal> {
  const own = await taskFor(broker, principal, id, entry, []);
  if (!(own instanceof Refusal) || own.reason !== 'task_not_yours') return own;
  const task = await broker.store.readTask(id);
  const grants = rolesOf(principal, 'verifier');
  const concerned = task?.manifest.tools.some(({ tool }) => reachesTool(grants, tool));
  return task && concerned ? task : own;
}
