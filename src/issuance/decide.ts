// The decision about one credential: asked ∩ manifest, then policy on all of it at once, then every bound on time.
import type { AuditEntry } from '../audit/entry.js';
import type { Broker, Rules } from '../broker.js';
import { sha256 } from '../domain/digest.js';
import type { Asked, Grant } from '../domain/grant.js';
import { claim, narrow } from '../domain/grant.js';
import type { TaskId } from '../domain/ids.js';
import { rootOf } from '../domain/ids.js';
import type { VerifiedPrincipal } from '../domain/principal.js';
import type { RefusalReason } from '../domain/refusal.js';
import { Refusal } from '../domain/refusal.js';
import type { Task } from '../domain/task.js';
import type { Tool } from '../domain/tool.js';
import { holdingOf } from '../domain/tree-context.js';
import type { Circumstances } from '../tasks/circumstances.js';
import { addressIn, recordDecision, refusalBy } from '../tasks/circumstances.js';
import type { Basis } from './issued.js';

export interface DecisionSubject {
  readonly agent: VerifiedPrincipal;
  readonly task: Task;
  readonly tool: Tool;
  readonly asked: Asked;
  /** The key that the lease is bound to, if it is. */
  readonly jkt: string | undefined;
}

/** Invariants 4 and 5. */
export function decide(
  broker: Broker,
  { policy }: Rules,
  action: 'exchange' | 'renew',
  { agent, task, tool, asked, jkt }: DecisionSubject,
  circumstances: Circumstances,
  entry: AuditEntry,
): Grant | Refusal {
  const claimed = claim(asked, tool, task.manifest);
  if (claimed instanceof Refusal) return claimed;
  const address = addressIn(entry);
  const decision = policy.decide({
    action,
    principal: agent,
    task,
    ...circumstances,
    tool,
    actions: claimed.actions,
    details: claimed.details ?? [],
    ...(asked.ttlMs !== undefined && { ttlMs: asked.ttlMs }),
    ...(address !== undefined && { address }),
    now: broker.clock.now(),
  });
  entry.learn({
    actions: claimed.actions,
    ...(claimed.details && { details: claimed.details }),
    ...(asked.ttlMs !== undefined && { ttl_ms: asked.ttlMs }),
  });
  recordDecision(entry, decision);
  const refusal = refusalBy(decision);
  if (refusal) return refusal;
  if ((tool.requireDpop || decision.requireDpop) && jkt === undefined) {
    const instead = action === 'renew' ? ', and this lease was asked for without one: ask for another' : '';
    return new Refusal('proof_missing', `${tool.name} is given out with a proof of a key only${instead}`);
  }
  const minter = broker.minters.get(tool.credential.kind);
  // Whoever holds a copy at a target asks nobody whether it was used before.
  if (decision.singleUse && minter?.external)
    return new Refusal('policy_denied', `a credential of ${tool.name} cannot be for single use`);
  const grant = narrow(asked, claimed, tool, decision);
  return (minter?.external && minter.refuses?.(grant, task.id)) || grant;
}

const DIGESTS = new WeakMap<object, string>();

/** What the lease keeps of the decision, to make it again when the context has changed. */
export function basisOf(
  { policy }: Rules,
  { agent, tool, asked }: Pick<DecisionSubject, 'agent' | 'tool' | 'asked'>,
  { context }: Circumstances,
  entry: AuditEntry,
): Basis | undefined {
  if (!policy.contextual) return undefined;
  const principal = policy.factsOf(agent);
  let digest = DIGESTS.get(agent.claims);
  if (digest === undefined) DIGESTS.set(agent.claims, (digest = sha256(principal)));
  const address = addressIn(entry);
  return {
    version: context.version,
    holding: holdingOf(tool),
    principal,
    kept: {
      principal: digest,
      ...(address !== undefined && { address }),
      ...(asked.ttlMs !== undefined && { ttlMs: asked.ttlMs }),
    },
  };
}

/** Asking for what one has no right to, in a task that one is admitted to: policies may look at how often that was. */
const COUNTED: ReadonlySet<RefusalReason> = new Set([
  'target_unknown',
  'tool_not_in_manifest',
  'action_not_granted',
  'resource_not_granted',
  'instance_mismatch',
  'policy_denied',
  'approval_required',
]);

export function counted(refusal: Refusal, { policy }: Rules, id: TaskId, entry: AuditEntry): Refusal {
  if (policy.contextual && COUNTED.has(refusal.reason)) entry.refusalOf = rootOf(id);
  return refusal;
}
