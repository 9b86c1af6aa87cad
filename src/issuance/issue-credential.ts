// Issues one credential: from a verified agent and what it asks for, to a secret that dies with its task.
import type { AuditEntry } from '../audit/entry.js';
import type { Broker, Rules } from '../broker.js';
import type { Asked, Grant } from '../domain/grant.js';
import { claim, narrow } from '../domain/grant.js';
import type { TaskId } from '../domain/ids.js';
import type { ProvenKey, VerifiedPrincipal } from '../domain/principal.js';
import { hasRole } from '../domain/principal.js';
import { Refusal } from '../domain/refusal.js';
import { isTaskOfRun } from '../domain/run.js';
import type { Task } from '../domain/task.js';
import { admitsAgent } from '../domain/task.js';
import type { Tool } from '../domain/tool.js';
import type { DecisionInput } from '../policy/policy.js';
import { openRun } from '../tasks/open-run.js';
import { bindingOf } from './binding.js';
import type { Decided, IssuedCredential } from './issued.js';
import { mintExternal } from './mint-external.js';
import { mintSigned } from './mint-signed.js';

export interface CredentialAsked extends Asked {
  readonly taskId: TaskId;
  /** A tool's name, its audience, or both of the same tool. */
  readonly target: { readonly name?: string; readonly audience?: string };
  /** The credential is bound to it (RFC 9449 §5). */
  readonly provenKey?: ProvenKey;
}

/**
 * One credential for one task, one agent, one tool and one plane (invariant 3), decided now (invariant 5),
 * its lease on record before the secret exists (invariant 2).
 */
export async function issueCredential(
  broker: Broker,
  agent: VerifiedPrincipal,
  asked: CredentialAsked,
  entry: AuditEntry,
): Promise<IssuedCredential | Refusal> {
  const rules = broker.rules();
  if (!hasRole(agent, 'agent')) return new Refusal('role_missing', `${agent.name} is no agent`);

  const admitted = await admittedTask(broker, agent, asked.taskId);
  const task = admitted instanceof Refusal ? await ownRun(broker, agent, asked, admitted, entry) : admitted;
  if (task instanceof Refusal) return task;

  const tool = targetTool(rules, asked.target);
  if (tool instanceof Refusal) return tool;
  entry.facts.tool = tool.name;

  const binding = bindingOf(task, agent, asked.provenKey);
  if (binding instanceof Refusal) return binding;
  const { jkt } = binding;
  const grant = decide(broker, rules, 'exchange', { agent, task, tool, asked, jkt }, entry);
  if (grant instanceof Refusal) return grant;

  const minter = broker.minters.get(tool.credential.kind);
  if (!minter) throw new Error(`no minter for ${tool.credential.kind}`);
  const entered = broker.limits.placeForLease(task, agent.name);
  const place = entered instanceof Promise ? await entered : entered;
  if (place instanceof Refusal) return place;
  const decided: Decided = { agent, task, grant, binding };
  try {
    const issued = minter.external
      ? await mintExternal(broker, minter, decided, entry)
      : await mintSigned(broker, minter, decided, entry);
    if (issued instanceof Refusal) place.free();
    else place.taken(issued.lease.expiresAt - issued.lease.issuedAt);
    return issued;
  } catch (error) {
    // Nobody knows whether it is on record.
    place.taken(grant.ttlMs);
    throw error;
  }
}

/** The task of the agent's own run opens by itself, if it is not there yet; no other does. */
async function ownRun(
  broker: Broker,
  agent: VerifiedPrincipal,
  { taskId: id }: Pick<CredentialAsked, 'taskId'>,
  refusal: Refusal,
  entry: AuditEntry,
): Promise<Task | Refusal> {
  const { run } = agent;
  if (refusal.reason !== 'task_unknown' || run?.taskId !== id) return refusal;
  const opened = await openRun(broker, agent, run, entry);
  // Another broker was first, by the template of another moment: what it opened stands.
  const conflicts = opened instanceof Refusal && opened.reason === 'task_conflict';
  return conflicts ? admittedTask(broker, agent, id) : opened;
}

/** The task, if it names this agent. A task that does not looks like one that is not there (invariant 8). */
export async function admittedTask(
  broker: Broker,
  agent: VerifiedPrincipal,
  id: TaskId,
): Promise<Task | Refusal> {
  const task = await broker.store.recallTask(id);
  if (!task) return new Refusal('task_unknown', `no task ${id}`);
  // Nor is a run's own name ever somebody else's task: whoever opened it first would say what the run may hold.
  if (isTaskOfRun(task) !== (agent.run?.taskId === id)) {
    return new Refusal('agent_not_in_manifest', `${agent.name} is no job of the run that ${id} is of`);
  }
  if (!admitsAgent(task.manifest, agent.name)) {
    return new Refusal(
      'agent_not_in_manifest',
      `${agent.name} is not among ${task.manifest.agents.join(' ')}`,
    );
  }
  return task;
}

function targetTool({ catalogue }: Rules, { name, audience }: CredentialAsked['target']): Tool | Refusal {
  if (name === undefined && audience === undefined)
    return new Refusal('target_missing', 'neither audience nor resource');
  const tool = name === undefined ? catalogue.byAudience(audience!) : catalogue.byName(name);
  if (!tool || (audience !== undefined && tool.audience !== audience)) {
    return new Refusal('target_unknown', `no tool ${name ?? ''} ${audience ?? ''}`.trim());
  }
  return tool;
}

interface DecisionSubject {
  readonly agent: VerifiedPrincipal;
  readonly task: Task;
  readonly tool: Tool;
  readonly asked: Asked;
  /** The key that the lease is bound to, if it is. */
  readonly jkt: string | undefined;
}

/** Asked ∩ manifest, then policy on all of it at once, then every bound on time (invariants 4 and 5). */
export function decide(
  broker: Broker,
  { policy }: Rules,
  action: 'exchange' | 'renew',
  { agent, task, tool, asked, jkt }: DecisionSubject,
  entry: AuditEntry,
): Grant | Refusal {
  const claimed = claim(asked, tool, task.manifest);
  if (claimed instanceof Refusal) return claimed;
  const input: DecisionInput = {
    action,
    principal: agent,
    task,
    tool,
    actions: claimed.actions,
    details: claimed.details ?? [],
    ...(asked.ttlMs !== undefined && { ttlMs: asked.ttlMs }),
    now: broker.clock.now(),
  };
  const decision = policy.decide(input);
  entry.learn({
    actions: claimed.actions,
    ...(claimed.details && { details: claimed.details }),
    ...(asked.ttlMs !== undefined && { ttl_ms: asked.ttlMs }),
    policy: decision.policyDigest,
    determining: decision.determining,
  });
  if (decision.effect === 'deny') return new Refusal('policy_denied', decision.determining.join(', '));
  if ((tool.requireDpop || decision.requireDpop) && jkt === undefined) {
    const instead = action === 'renew' ? ', and this lease was asked for without one: ask for another' : '';
    return new Refusal('proof_missing', `${tool.name} is given out with a proof of a key only${instead}`);
  }
  return narrow(asked, claimed, tool, decision);
}
