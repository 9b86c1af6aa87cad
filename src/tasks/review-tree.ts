// Decides every live lease of a tree again, on its present context: what would now be denied is revoked at once.
import { AuditEntry } from '../audit/entry.js';
import type { Broker } from '../broker.js';
import type { TaskId } from '../domain/ids.js';
import { requestId, rootOf } from '../domain/ids.js';
import type { Lease } from '../domain/lease.js';
import { Refusal } from '../domain/refusal.js';
import { leaseSelector } from '../domain/selector.js';
import type { Task } from '../domain/task.js';
import type { TreeContext } from '../domain/tree-context.js';
import type { Decision, PrincipalFacts } from '../policy/policy.js';
import { circumstancesOf, recordDecision } from './circumstances.js';

const LEASES_AT_A_TIME = 500;
/** Of leases that are looked at in one go. */
const KILLS_AT_A_TIME = 32;

/**
 * Idempotent. The context that is read here is the present one, and whatever is issued on an earlier one is refused: so
 * once this resolves, no live lease of the tree is one that the policies in force would deny. Answers how many it ended.
 */
export async function reviewTree(broker: Broker, root: TaskId, cause: AuditEntry): Promise<number> {
  const { policy } = broker.rules();
  const context = await broker.store.readContext(root);
  let ended = 0;
  if (policy.contextual) {
    // In the order in which a lease has them: one that is activated while this looks is met in one of the two.
    for (const state of ['reserved', 'active'] as const) {
      for await (const leases of livePages(broker, root, state)) {
        for (let from = 0; from < leases.length; from += KILLS_AT_A_TIME) {
          const some = leases.slice(from, from + KILLS_AT_A_TIME);
          const results = await Promise.all(some.map((lease) => review(broker, lease, context, cause)));
          ended += results.filter(Boolean).length;
        }
      }
    }
  }
  await broker.store.concludeReview(root, context.version);
  if (ended > 0) broker.wake();
  return ended;
}

/**
 * Reviews that nobody finished: whoever began them may have died on the way. Of one that fails, the tree stays due, and
 * the others are made all the same.
 *
 * @throws what the first of those that failed did.
 */
export async function finishReviews(broker: Broker, forMs: number): Promise<void> {
  const looked = new Set<TaskId>();
  const faults: unknown[] = [];
  for (;;) {
    // Those that failed are the longest due: they come first again.
    const due = await broker.store.dueReviews(looked.size + REVIEWS_AT_A_TIME, forMs);
    const roots = due.map(({ root }) => root).filter((root) => !looked.has(root));
    if (roots.length === 0) break;
    for (const root of roots) {
      looked.add(root);
      const cause = new AuditEntry(requestId(), 'lease.review', { taskId: root });
      await reviewTree(broker, root, cause).catch((error: unknown) => faults.push(error));
    }
  }
  if (faults.length > 0) throw faults[0];
}

const REVIEWS_AT_A_TIME = 100;

async function* livePages(
  { store }: Broker,
  task: TaskId,
  state: 'active' | 'reserved',
): AsyncGenerator<readonly Lease[]> {
  let after: string | undefined;
  for (;;) {
    const query = { task, state, limit: LEASES_AT_A_TIME, ...(after !== undefined && { after }) };
    const page = await store.listLeases(query);
    yield page;
    if (page.length < LEASES_AT_A_TIME) return;
    after = page.at(-1)!.id;
  }
}

/** Whether the lease was ended. */
async function review(
  broker: Broker,
  lease: Lease,
  context: TreeContext,
  cause: AuditEntry,
): Promise<boolean> {
  const decision = await decideAgain(broker, lease, context);
  if (decision && stillPermits(decision, lease)) return false;
  const { taskId, tool, id: leaseId } = lease;
  const entry = new AuditEntry(cause.requestId, 'lease.review', { taskId, tool, leaseId }, cause.trace);
  if (decision) recordDecision(entry, decision);
  const why = decision ? decision.determining.join(', ') || decision.why : 'what it rested on is not known';
  const reason = `policy: ${why}`.slice(0, LONGEST_REASON);
  await broker.store.revoke({ select: leaseSelector(leaseId), by: 'mayfly', reason }, entry);
  broker.limits.leaseReleased(lease);
  return true;
}

const LONGEST_REASON = 500;

/** What a permit asks for now, and the lease has not, would be refused now. */
const stillPermits = ({ effect, requireDpop, singleUse }: Decision, lease: Lease): boolean =>
  effect === 'permit' && !(requireDpop && lease.jkt === undefined) && !(singleUse && !lease.singleUse);

/** As an exchange of now for what was asked then. Undefined: something that it rested on is gone. */
async function decideAgain(
  broker: Broker,
  lease: Lease,
  context: TreeContext,
): Promise<Decision | undefined> {
  const rules = broker.rules();
  const tool = rules.catalogue.byName(lease.tool);
  const task = await broker.store.recallTask(lease.taskId);
  const principal = await principalOf(broker, lease);
  if (!tool || !task || !principal) return undefined;
  const circumstances = await circumstancesOf(broker, rules, task.id);
  if (circumstances instanceof Refusal) return undefined;
  const { address, ttlMs } = lease.basis!;
  return rules.policy.decide({
    action: 'exchange',
    principal,
    task: task satisfies Task,
    above: circumstances.above,
    context,
    tool,
    actions: lease.actions,
    details: lease.details ?? [],
    ...(ttlMs !== undefined && { ttlMs }),
    ...(address !== undefined && { address }),
    now: broker.clock.now(),
  });
}

async function principalOf({ store }: Broker, { taskId, basis }: Lease): Promise<PrincipalFacts | undefined> {
  const facts = basis && (await store.principalFacts(rootOf(taskId), basis.principal));
  return facts === undefined ? undefined : (JSON.parse(facts) as PrincipalFacts);
}
