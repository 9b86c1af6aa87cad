// Issues one credential: from a verified agent and what it asks for, to a secret that dies with its task.
import type { AuditEntry } from '../audit/entry.js';
import type { Broker, Rules } from '../broker.js';
import type { Asked } from '../domain/grant.js';
import type { TaskId } from '../domain/ids.js';
import { rootOf } from '../domain/ids.js';
import type { ProvenKey, VerifiedPrincipal } from '../domain/principal.js';
import { hasRole } from '../domain/principal.js';
import { Refusal } from '../domain/refusal.js';
import { isTaskOfRun } from '../domain/run.js';
import type { Task } from '../domain/task.js';
import { admitsAgent } from '../domain/task.js';
import type { Tool } from '../domain/tool.js';
import { widensHeld } from '../domain/tree-context.js';
import { onPresentContext } from '../tasks/circumstances.js';
import { openRun } from '../tasks/open-run.js';
import { reviewTree } from '../tasks/review-tree.js';
import { bindingOf } from './binding.js';
import { basisOf, counted, decide } from './decide.js';
import type { HeldCredentials } from './held-credentials.js';
import type { Decided, IssuedCredential, Issuing } from './issued.js';
import { isIssued } from './issued.js';
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
 *
 * @param held where it is looked for first, for who asks again and again
 */
export async function issueCredential(
  broker: Broker,
  agent: VerifiedPrincipal,
  asked: CredentialAsked,
  entry: AuditEntry,
  held?: HeldCredentials,
): Promise<IssuedCredential | Refusal> {
  const rules = broker.rules();
  if (!hasRole(agent, 'agent')) return new Refusal('role_missing', `${agent.name} is no agent`);

  const admitted = await admittedTask(broker, agent, asked.taskId);
  const task = admitted instanceof Refusal ? await ownRun(broker, agent, asked, admitted, entry) : admitted;
  if (task instanceof Refusal) return task;

  const tool = targetTool(rules, asked.target);
  if (tool instanceof Refusal) return counted(tool, rules, task.id, entry);
  entry.facts.tool = tool.name;

  const binding = bindingOf(task, agent, asked.provenKey);
  if (binding instanceof Refusal) return counted(binding, rules, task.id, entry);
  return onPresentContext(broker, task.id, async (present, inForce) => {
    const offered = inForce === rules ? tool : targetTool(inForce, asked.target);
    if (offered instanceof Refusal) return counted(offered, inForce, task.id, entry);
    const subject = { agent, task, tool: offered, asked, jkt: binding.jkt };
    const grant = decide(broker, inForce, 'exchange', subject, present, entry);
    if (grant instanceof Refusal) return counted(grant, inForce, task.id, entry);
    const basis = basisOf(inForce, subject, present, entry);
    const decided = { agent, task, grant, binding, ...(basis && { basis }) };
    const issue = (): Promise<Issuing> => commit(broker, decided, entry);
    const issued = await (held ? held.credential(broker, decided, entry, issue) : issue());
    // What the tree holds now may forbid what it was given before: that ends before this is handed out.
    if (isIssued(issued) && basis && widensHeld(present.context, basis.holding))
      await reviewTree(broker, rootOf(task.id), entry);
    return issued;
  });
}

/** In a place of its own among as many as there may be, by the minter of the tool's kind. */
async function commit(broker: Broker, decided: Decided, entry: AuditEntry): Promise<Issuing> {
  const { agent, task, grant } = decided;
  const minter = broker.minters.get(grant.tool.credential.kind);
  if (!minter) throw new Error(`no minter for ${grant.tool.credential.kind}`);
  const entered = broker.limits.placeForLease(task, agent.name);
  const place = entered instanceof Promise ? await entered : entered;
  if (place instanceof Refusal) return place;
  try {
    const issued = minter.external
      ? await mintExternal(broker, minter, decided, entry)
      : await mintSigned(broker, minter, decided, entry);
    if (isIssued(issued)) place.taken(issued.lease.expiresAt - issued.lease.issuedAt);
    else place.free();
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
