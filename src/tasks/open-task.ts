// Opens a task: the unit of authority. What it may ever hold is fixed here.
import type { AuditEntry } from '../audit/entry.js';
import type { Broker, Rules } from '../broker.js';
import { digestOf } from '../domain/digest.js';
import type { PrincipalName, TaskId } from '../domain/ids.js';
import { newTaskId, parentOf } from '../domain/ids.js';
import type { VerifiedPrincipal } from '../domain/principal.js';
import { reachesTask, rolesOf } from '../domain/principal.js';
import { Refusal } from '../domain/refusal.js';
import type { Manifest, Task } from '../domain/task.js';
import { withinParent } from '../domain/task.js';
import type { Decision } from '../policy/policy.js';
import type { NewTask } from '../store/store.js';
import type { Circumstances } from './circumstances.js';
import { addressIn, circumstancesOf, recordDecision, refusalBy } from './circumstances.js';
import { taskFor } from './own.js';

export interface TaskAsked {
  readonly id?: TaskId;
  readonly parent?: TaskId;
  readonly purpose: string;
  readonly manifest: Manifest;
  readonly labels: Readonly<Record<string, string>>;
  readonly ttlMs: number;
}

/**
 * Idempotent by id and body: the same again, by the same orchestrator, gives the task that exists. A child's
 * manifest and deadline stay inside its parent's (invariant 4); only the parent's orchestrator opens one.
 */
export async function openTask(
  broker: Broker,
  principal: VerifiedPrincipal,
  asked: TaskAsked,
  entry: AuditEntry,
): Promise<{ task: Task; created: boolean } | Refusal> {
  const id = asked.id ?? (asked.parent ? (`${asked.parent}.${newTaskId()}` as TaskId) : newTaskId());
  entry.facts.taskId = id;
  entry.learn({
    purpose: asked.purpose,
    manifest: asked.manifest,
    ttl_ms: asked.ttlMs,
    labels: asked.labels,
  });

  const { runPrefixes } = broker.rules();
  if (runPrefixes.some((prefix) => id.startsWith(prefix))) {
    return new Refusal('task_id_not_allowed', `${id} is a name of runs, whose tasks open by themselves`);
  }
  if (!reachesTask(rolesOf(principal, 'orchestrator'), id)) {
    return new Refusal('task_id_not_allowed', `the role of ${principal.name} does not reach ${id}`);
  }
  if (parentOf(id) !== asked.parent) {
    return malformed(
      'parent',
      "a child's id is its parent's id, a dot and a name; a root has neither dot nor parent",
    );
  }
  if (asked.ttlMs > broker.maxTaskTtlMs) {
    return new Refusal('task_ttl_exceeded', `a task may last ${broker.maxTaskTtlMs / 1000} seconds at most`);
  }
  if (asked.parent !== undefined) {
    const parent = await taskFor(broker, principal, asked.parent, entry, []);
    entry.facts.taskId = id;
    if (parent instanceof Refusal) return new Refusal('parent_unknown', parent.detail);
    const excess = withinParent(asked.manifest, parent.manifest);
    if (excess) return excess;
  }

  return openDecided(broker, principal, principal.name, { ...asked, id }, entry);
}

/** The decision, the place and the transition: nothing that was asked is looked at here any more. */
export async function openDecided(
  broker: Broker,
  principal: VerifiedPrincipal,
  orchestrator: PrincipalName,
  asked: TaskAsked & { readonly id: TaskId },
  entry: AuditEntry,
): Promise<{ task: Task; created: boolean } | Refusal> {
  const rules = broker.rules();
  const { id, purpose, manifest, labels, parent, ttlMs } = asked;
  const facts = { id, orchestrator, purpose, manifest, labels, ...(parent && { parent }) };
  const circumstances = await circumstancesOf(broker, rules, id, 'not_compared');
  if (circumstances instanceof Refusal) return new Refusal('parent_unknown', circumstances.detail);
  const permitted = decideOpening(broker, rules, principal, facts, ttlMs, circumstances, entry);
  if (permitted instanceof Refusal) return permitted;

  const bodyDigest = digestOf(asked);
  const { mostOpenInTree } = broker.limits;
  const task = {
    ...facts,
    bodyDigest,
    ttlMs: Math.min(ttlMs, permitted.maxTtlMs ?? Infinity),
    ...(mostOpenInTree !== undefined && { mostOpenInTree }),
  };
  return openInPlace(broker, task, entry);
}

/** Every tool of the manifest is decided on, so that no orchestrator is unbounded; also of a task that is to last longer. */
export function decideOpening(
  broker: Broker,
  { policy }: Rules,
  principal: VerifiedPrincipal,
  task: Pick<Task, 'id' | 'orchestrator' | 'purpose' | 'labels' | 'manifest'> &
    Partial<Pick<Task, 'openedAt'>>,
  ttlMs: number,
  circumstances: Circumstances,
  entry: AuditEntry,
): Decision | Refusal {
  const now = broker.clock.now();
  const address = addressIn(entry);
  const decision = policy.decide({
    action: 'open_task',
    principal,
    task: { openedAt: now, ...task },
    ...circumstances,
    manifest: task.manifest,
    ttlMs,
    ...(address !== undefined && { address }),
    now,
  });
  recordDecision(entry, decision);
  return refusalBy(decision) ?? decision;
}

/** A task that exists is given again, however many are open: it needs no place of its own. */
async function openInPlace(
  broker: Broker,
  task: NewTask,
  entry: AuditEntry,
): Promise<{ task: Task; created: boolean } | Refusal> {
  const { store, limits } = broker;
  const place = await limits.placeForTask(task.orchestrator);
  if (place instanceof Refusal) return (await store.readTask(task.id)) ? store.openTask(task, entry) : place;
  try {
    const opened = await store.openTask(task, entry);
    if (opened instanceof Refusal || !opened.created) place.free();
    else place.taken(opened.task.deadline - opened.task.openedAt);
    return opened;
  } catch (error) {
    // Nobody knows whether it is on record.
    place.taken(task.ttlMs);
    throw error;
  }
}

const malformed = (at: string, message: string): Refusal =>
  new Refusal('request_malformed', `${at}: ${message}`, [{ at, message }]);
