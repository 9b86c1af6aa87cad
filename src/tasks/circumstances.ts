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

/**
 * As this broker last saw them where the transition compares; else as they are now, or another broker would go on for a
 * minute as if a signal had not been. Nothing where no policies would look at it.
 */
export async function circumstancesOf(
  { store }: Pick<Broker, 'store'>,
  { policy }: Rules,
  id: TaskId,
  compared: 'compared' | 'not_compared' = 'compared',
): Promise<Circumstances | Refusal> {
  if (!policy.contextual) return NONE;
  const root = rootOf(id);
  const context = await (compared === 'compared' ? store.recallContext(root) : store.readContext(root));
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
 * neither is decided as if the other's were not held. By the rules that are in force then: a review that the change
 * brought about was made by those.
 */
export async function onPresentContext<T>(
  broker: Pick<Broker, 'store' | 'rules'>,
  id: TaskId,
  attempt: (circumstances: Circumstances, rules: Rules) => Promise<T | ContextChanged | Refusal>,
): Promise<T | Refusal> {
  let rules = broker.rules();
  let present = await circumstancesOf(broker, rules, id);
  for (let made = 0; made < MOST_ATTEMPTS; made++) {
    if (present instanceof Refusal) return present;
    const result = await attempt(present, rules);
    if (!(result instanceof ContextChanged)) return result;
    const before = rules;
    rules = broker.rules();
    present =
      rules === before
        ? { above: present.above, context: result.context }
        : await circumstancesOf(broker, rules, id);
  }
  return new Refusal('context_changed', `${MOST_ATTEMPTS} times while it was decided`);
}

/** Of a decision that was made again, nothing of the one before is to stand in the record. */
const AT_TIMES = ['policy_why', 'obligations'] as const;

/** What of a decision stands in the record: enough to make it again, and to see whether it came out the same. */
export function recordDecision(entry: AuditEntry, decision: Decision): void {
  for (const member of AT_TIMES) if (member in entry.facts.detail) delete entry.facts.detail[member];
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
