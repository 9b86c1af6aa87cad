// A task: the unit of authority, what it may ever hold, and how it ends.
import type { PrincipalName, RequestId, TaskId } from './ids.js';
import { anyMatches, globCovers } from './glob.js';
import type { InstanceKind } from './principal.js';
import { Refusal } from './refusal.js';

export const OUTCOMES = ['completed', 'failed', 'cancelled', 'expired', 'revoked'] as const;
export type Outcome = (typeof OUTCOMES)[number];
/** The outcomes that an orchestrator may name; the others are ours to tell. */
export const NAMED_OUTCOMES = ['completed', 'failed', 'cancelled'] as const;
export type TaskState = 'open' | 'closed' | 'settled';

export interface ManifestTool {
  readonly tool: string;
  readonly actions: readonly string[];
  /** Globs of the resources that may be touched; absent: all. */
  readonly resources?: readonly string[];
}

/** The one instance of an agent that the task's credentials are for; without an id, the first that gets one. */
export interface InstanceBinding {
  readonly kind: InstanceKind;
  readonly id?: string;
}

/** The most that a task may ever hold. Fixed when the task is opened. */
export interface Manifest {
  /** Globs of principal names. */
  readonly agents: readonly string[];
  readonly tools: readonly ManifestTool[];
  /** Absent: any instance of the agents. */
  readonly instance?: InstanceBinding;
}

export interface Task {
  readonly id: TaskId;
  readonly parent?: TaskId;
  /** Who opened it and whose it is. */
  readonly orchestrator: PrincipalName;
  /** Untrusted text: recorded and shown, never decisive (invariant 5). */
  readonly purpose: string;
  readonly manifest: Manifest;
  readonly labels: Readonly<Record<string, string>>;
  /** Digest of the body that opened it: the same again is the same task. */
  readonly bodyDigest: string;
  readonly openedAt: number;
  readonly deadline: number;
  readonly state: TaskState;
  readonly closed?: TaskClosing;
  readonly settledAt?: number;
}

export interface TaskClosing {
  readonly at: number;
  readonly outcome: Outcome;
  readonly by: PrincipalName | 'mayfly';
  readonly reason?: string;
  readonly requestId?: RequestId;
}

/** The manifest's entry for the tool, if the task may use it at all. */
export const manifestTool = (manifest: Manifest, tool: string): ManifestTool | undefined =>
  manifest.tools.find((entry) => entry.tool === tool);

/** Whether the manifest names this agent. */
export const admitsAgent = (manifest: Manifest, agent: PrincipalName): boolean =>
  anyMatches(manifest.agents, agent);

/** Whether each of the resources lies within the patterns; no patterns means no bound. */
export const resourcesWithin = (
  resources: readonly string[],
  patterns: readonly string[] | undefined,
): boolean =>
  patterns === undefined ||
  resources.every((resource) => patterns.some((pattern) => globCovers(pattern, resource)));

/** Refuses a child's manifest that asks for more than its parent's holds (invariant 4). */
export function withinParent(child: Manifest, parent: Manifest): Refusal | undefined {
  const agent = child.agents.find((name) => !parent.agents.some((pattern) => globCovers(pattern, name)));
  if (agent !== undefined)
    return new Refusal('exceeds_parent', `agent ${agent} is not within the parent's agents`);
  const { instance } = parent;
  if (instance && (child.instance?.kind !== instance.kind || child.instance.id !== instance.id))
    return new Refusal('exceeds_parent', 'the parent binds the instance: name the same `instance`');
  for (const entry of child.tools) {
    const allowed = manifestTool(parent, entry.tool);
    if (!allowed) return new Refusal('exceeds_parent', `the parent has no tool ${entry.tool}`);
    const action = entry.actions.find((name) => !allowed.actions.includes(name));
    if (action !== undefined)
      return new Refusal('exceeds_parent', `the parent's ${entry.tool} has no action ${action}`);
    if (allowed.resources && !(entry.resources && resourcesWithin(entry.resources, allowed.resources))) {
      return new Refusal('exceeds_parent', `resources of ${entry.tool} are not within the parent's`);
    }
  }
  return undefined;
}

/** How an open child ends when its parent is closed: a parent's success says nothing of the child's. */
export const outcomeForChild = (parent: Outcome): Outcome =>
  parent === 'expired' || parent === 'revoked' ? parent : 'cancelled';
