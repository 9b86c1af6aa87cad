// What is decided on, in the form in which it is recorded, replayed and handed to the evaluator. It holds no secret.
import { sha256 } from '../../domain/digest.js';
import type { AuthorizationDetail } from '../../domain/grant.js';
import type { Plane, Sensitivity, Tool } from '../../domain/tool.js';
import type { TreeContext } from '../../domain/tree-context.js';
import type { DecisionInput, PrincipalFacts, TaskFacts } from '../policy.js';
import type { Tags } from './claims.js';
import { tagsOf } from './claims.js';
import type { ActionName } from './load.js';

export interface RecordedPrincipal {
  readonly type: 'Agent' | 'Orchestrator';
  readonly id: string;
  readonly trust: string;
  readonly subject: string;
  readonly tags: Tags;
}

export interface RecordedTask {
  readonly id: string;
  readonly purpose: string;
  readonly age: number;
  readonly depth: number;
  readonly parents: readonly string[];
  readonly orchestrator: string;
  readonly labels: readonly string[];
}

export interface RecordedTool {
  readonly name: string;
  readonly plane: Plane;
  readonly sensitivity: Sensitivity;
  readonly audience: string;
  readonly actions: readonly string[];
  readonly resources: readonly string[];
}

/** One request to decide: every tool of it, for the task and for each one above. */
export interface RecordedRequest {
  readonly action: ActionName;
  readonly principal: RecordedPrincipal;
  readonly tools: readonly RecordedTool[];
  /** Seconds. */
  readonly ttl: number;
  /** The task first, then its parent, up to the root. */
  readonly tasks: readonly RecordedTask[];
  readonly held: Readonly<Record<Plane | 'tools', readonly string[]>>;
  readonly signals: readonly string[];
  readonly refusals: number;
  readonly address?: string;
  /** Milliseconds. */
  readonly now: number;
}

export function requestOf(
  input: DecisionInput,
  toolNamed: (name: string) => Tool | undefined,
): RecordedRequest {
  const { action, principal, task, above, context, address, now } = input;
  const lineage = [...above, task];
  return {
    action,
    principal: principalOf(principal, action === 'open_task' ? 'Orchestrator' : 'Agent'),
    tools:
      input.action === 'open_task'
        ? input.manifest.tools.map(({ tool, actions, resources = ALL }) =>
            toolOf(toolNamed(tool)!, actions, resources),
          )
        : [toolOf(input.tool, input.actions, resourcesOf(input.details))],
    ttl: Math.ceil(ttlMsOf(input) / 1000),
    tasks: lineage.map((one, depth) => taskOf(one, lineage, depth, now)).reverse(),
    held: heldIn(context),
    signals: context.signals,
    refusals: context.refusals,
    ...(address !== undefined && address !== '' && { address }),
    now,
  };
}

/** Unbounded is more than anything that could be listed: an empty set would look like nothing at all. */
const ALL: readonly string[] = ['*'];

const resourcesOf = (details: readonly AuthorizationDetail[]): readonly string[] =>
  details.length === 0
    ? ALL
    : details.length === 1
      ? details[0]!.resources
      : [...new Set(details.flatMap(({ resources }) => resources))];

const ttlMsOf = (input: DecisionInput): number =>
  input.action === 'open_task' ? input.ttlMs : Math.min(input.ttlMs ?? Infinity, input.tool.maxTtlMs);

const toolOf = (
  { name, plane, sensitivity, audience }: Tool,
  actions: readonly string[],
  resources: readonly string[],
): RecordedTool => ({ name, plane, sensitivity, audience, actions, resources });

const TAGS = new WeakMap<object, Tags>();

function principalOf(
  { name: id, trust, subject, claims }: PrincipalFacts,
  type: RecordedPrincipal['type'],
): RecordedPrincipal {
  let tags = TAGS.get(claims);
  if (!tags) TAGS.set(claims, (tags = tagsOf(claims)));
  return { type, id, trust, subject, tags };
}

interface Fixed {
  readonly purpose: string;
  readonly labels: readonly string[];
}
const FIXED = new WeakMap<TaskFacts, Fixed>();

/** What the opening of a task fixed is looked at once. */
function fixedOf(task: TaskFacts): Fixed {
  let fixed = FIXED.get(task);
  if (!fixed) {
    const labels = Object.entries(task.labels).map(([key, value]) => `${key}=${value}`);
    FIXED.set(task, (fixed = { purpose: sha256(task.purpose), labels }));
  }
  return fixed;
}

function taskOf(task: TaskFacts, lineage: readonly TaskFacts[], depth: number, now: number): RecordedTask {
  const { id, orchestrator, openedAt } = task;
  const { purpose, labels } = fixedOf(task);
  const parents = lineage.slice(0, depth).map((one) => one.id);
  return {
    id,
    purpose,
    age: Math.max(0, Math.floor((now - openedAt) / 1000)),
    depth,
    parents,
    orchestrator,
    labels,
  };
}

const HELD = new WeakMap<TreeContext, RecordedRequest['held']>();

function heldIn(context: TreeContext): RecordedRequest['held'] {
  const known = HELD.get(context);
  if (known) return known;
  const sets = {
    tool: new Set<string>(),
    data: new Set<string>(),
    cloud: new Set<string>(),
    tools: new Set<string>(),
  };
  for (const holding of context.held) {
    const [plane, sensitivity, tool] = holding.split(':') as [Plane, string, string];
    sets[plane].add(sensitivity);
    sets.tools.add(tool);
  }
  const held = { tool: [...sets.tool], data: [...sets.data], cloud: [...sets.cloud], tools: [...sets.tools] };
  HELD.set(context, held);
  return held;
}
