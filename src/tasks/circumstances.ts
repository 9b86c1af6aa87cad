// What a decision rests on beside the request: the tasks above, and what has come to pass in the tree.
import type { AuditEntry } from '../audit/entry.js';
import type { Broker, Rules } from '../broker.js';
import type { TaskId } from '../domain/ids.js';
import { lineageOf, rootOf } from '../domain/ids.js';
import { Refusal } from '../domain/refusal.js';
import type { Task } from '../domain/task.js';
import type { TreeContext } from '../domain/tree-context.js';
import { ContextChanged, NO_CONTEXT } from '../domain/tree-context.js';
import type { Decision } from '../policy/policy.js';

export interface Circumstances {
  /** The root first. */
  readonly above: readonly Task[];
  readonly context: TreeContext;
}

const NONE: Circumstances = { above: [], context: NO_CONTEXT };

/** As this broker last saw them: the transition compares. Nothing where no policies would look at it. */
export async function circumstancesOf(
  { store }: Pick<Broker, 'store'>,
  { policy }: Rules,
  id: TaskId,
): Promise<Circumstances | Refusal> {
  if (!policy.contextual) return NONE;
  const root = rootOf(id);
  const context = await store.recallContext(root);
  if (root === id) return { above: [], context };
  const above: Task[] = [];
  for (const ancestor of lineageOf(id).filter((one) => one !== id)) {
    const task = await store.recallTask(ancestor);
    if (!task) return new Refusal('task_unknown', `no task ${ancestor}, which ${id} is below`);
    above.push(task);
  }
  return { above: above.toSorted((a, b) => a.id.length - b.id.length), context };
}

/** Each attempt that fails, failed because something else succeeded: so many in a row are a storm. */
const MOST_ATTEMPTS = 16;

/**
 * Decides and commits, and decides again where the context had changed by the commit: of two requests at the same time,
 * neither is decided as if the other's were not held.
 */
export async function onPresentContext<T>(
  given: Circumstances,
  attempt: (circumstances: Circumstances) => Promise<T | ContextChanged>,
): Promise<T | Refusal> {
  let { context } = given;
  for (let made = 0; made < MOST_ATTEMPTS; made++) {
    const result = await attempt({ above: given.above, context });
    if (!(result instanceof ContextChanged)) return result;
    ({ context } = result);
  }
  return new Refusal('context_changed', `${MOST_ATTEMPTS} times while it was decided`);
}

/** What of a decision stands in the record: enough to make it again, and to see whether it came out the same. */
export function recordDecision(entry: AuditEntry, decision: Decision): void {
  const { effect, policyDigest, determining, why, input } = decision;
  const obligations = obligationsOf(decision);
  entry.learn({
    decision: effect,
    policy: policyDigest,
    determining,
    ...(why !== undefined && { policy_why: why }),
    ...(Object.keys(obligations).length > 0 && { obligations }),
    input,
  });
}

const obligationsOf = ({ maxTtlMs, requireDpop, singleUse }: Decision): object => ({
  ...(maxTtlMs !== undefined && { max_ttl_ms: maxTtlMs }),
  ...(requireDpop && { require_dpop: true }),
  ...(singleUse && { single_use: true }),
});

/** The refusal that a decision comes to; undefined for a permit. */
export function refusalBy({ effect, determining, why, told }: Decision): Refusal | undefined {
  if (effect === 'permit') return undefined;
  const detail = [determining.join(', '), why ?? ''].filter((part) => part !== '').join(': ');
  const reason = effect === 'approval' ? 'approval_required' : 'policy_denied';
  return new Refusal(reason, detail, [], told === undefined ? {} : { told });
}

/** Where the request came from, as the edge noted it first of all. */
export const addressIn = ({ facts }: AuditEntry): string | undefined => {
  const { address } = facts.detail;
  return typeof address === 'string' && address !== '' ? address : undefined;
};
