// Decides every live lease of a tree again, on its present context: what would now be denied is revoked at once.
import { AuditEntry } from '../audit/entry.js';
import type { Broker } from '../broker.js';
import type { TaskId } from '../domain/ids.js';
import { requestId } from '../domain/ids.js';
import type { Lease } from '../domain/lease.js';
import { Refusal } from '../domain/refusal.js';
import { leaseSelector } from '../domain/selector.js';
import type { TreeContext } from '../domain/tree-context.js';
import type { Decision, PrincipalFacts } from '../policy/policy.js';
import { circumstancesOf, recordDecision } from './circumstances.js';

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
    const facts = new Map<string, PrincipalFacts | undefined>();
    for await (const leases of broker.store.liveLeases(root)) {
      for (let from = 0; from < leases.length; from += KILLS_AT_A_TIME) {
        const some = leases.slice(from, from + KILLS_AT_A_TIME);
        await readFacts(broker, root, some, facts);
        const results = await Promise.all(
          some.map((lease) => review(broker, lease, { context, facts, cause })),
        );
        ended += results.filter(Boolean).length;
      }
    }
  }
  await broker.store.concludeReview(root, context.version);
  if (ended > 0) broker.wake({ ended: root });
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

/** What the leases of a review rest on, beside themselves. */
interface Ground {
  readonly context: TreeContext;
  /** By their digest, of the leases at hand at least. */
  readonly facts: ReadonlyMap<string, PrincipalFacts | undefined>;
  readonly cause: AuditEntry;
}

/** Most leases of a tree were decided on the same facts: a round trip for each would be most of a review. */
async function readFacts(
  { store }: Broker,
  root: TaskId,
  leases: readonly Lease[],
  known: Map<string, PrincipalFacts | undefined>,
): Promise<void> {
  if (known.size > MOST_FACTS) known.clear();
  const wanted = new Set(leases.flatMap(({ basis }) => (basis ? [basis.principal] : [])));
  const missing = [...wanted].filter((digest) => !known.has(digest));
  const read = await Promise.all(missing.map((digest) => store.principalFacts(root, digest)));
  for (const [at, digest] of missing.entries())
    known.set(digest, read[at] === undefined ? undefined : (JSON.parse(read[at]) as PrincipalFacts));
}

const MOST_FACTS = 1000;

/** Whether the lease was ended. */
async function review(broker: Broker, lease: Lease, ground: Ground): Promise<boolean> {
  const { cause } = ground;
  const decision = await decideAgain(broker, lease, ground);
  if (decision && stillPermits(decision, lease)) return false;
  const { taskId, tool, id: leaseId } = lease;
  const entry = new AuditEntry(cause.requestId, 'lease.review', { taskId, tool, leaseId }, cause.trace);
  if (decision) recordDecision(entry, decision);
  // Whose lease it was may read this: by which policies stands in the record alone (invariant 8).
  const reason =
    decision?.told === undefined ? 'policy' : `policy: ${decision.told}`.slice(0, LONGEST_REASON);
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
  { context, facts }: Ground,
): Promise<Decision | undefined> {
  const rules = broker.rules();
  const tool = rules.catalogue.byName(lease.tool);
  const task = await broker.store.recallTask(lease.taskId);
  const principal = lease.basis && facts.get(lease.basis.principal);
  if (!tool || !task || !principal) return undefined;
  const circumstances = await circumstancesOf(broker, rules, task.id);
  if (circumstances instanceof Refusal) return undefined;
  const { address, ttlMs } = lease.basis;
  return rules.policy.decide({
    action: 'exchange',
    principal,
    task,
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
