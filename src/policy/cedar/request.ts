// What is decided on, in the form in which it is recorded, replayed and handed to the evaluator. It holds no secret.
import { sha256 } from '../../domain/digest.js';
import type { AuthorizationDetail } from '../../domain/grant.js';
import type { Plane, Sensitivity, Tool } from '../../domain/tool.js';
import type { TreeContext } from '../../domain/tree-context.js';
import type { DecisionInput, PrincipalFacts, TaskFacts } from '../policy.js';
import type { Tags } from './claims.js';
import { tagsOf } from './claims.js';
import type { ActionName } from './actions.js';

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
  /** Absent: none. */
  readonly parents?: readonly string[];
  readonly orchestrator: string;
  readonly labels?: readonly string[];
}

export type Held = Readonly<Record<Plane | 'tools', readonly string[]>>;

export interface RecordedTool {
  readonly name: string;
  readonly plane: Plane;
  readonly sensitivity: Sensitivity;
  readonly audience: string;
  readonly actions: readonly string[];
  readonly resources: readonly string[];
}

/** One request to decide: every tool of it, for the task and for each one above. What there is nothing of is left out. */
export interface RecordedRequest {
  readonly action: ActionName;
  readonly principal: RecordedPrincipal;
  readonly tools: readonly RecordedTool[];
  /** Seconds. */
  readonly ttl: number;
  /** The task first, then its parent, up to the root. */
  readonly tasks: readonly RecordedTask[];
  readonly held?: Held;
  readonly signals?: readonly string[];
  readonly refusals?: number;
  readonly address?: string;
  /** Milliseconds. */
  readonly now: number;
}

export function requestOf(
  input: DecisionInput,
  toolNamed: (name: string) => Tool | undefined,
): RecordedRequest {
  const { action, principal, task, above, context, address, now } = input;
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
    tasks: above.length === 0 ? [taskOf(task, NO_TASKS, now)] : tasksOf([...above, task], now),
    ...pastIn(context),
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

/** By the claims, which are one object for as long as a token is remembered. */
const PRINCIPALS = new WeakMap<object, RecordedPrincipal>();

function principalOf(
  { name: id, trust, subject, claims }: PrincipalFacts,
  type: RecordedPrincipal['type'],
): RecordedPrincipal {
  let known = PRINCIPALS.get(claims);
  if (known?.type !== type) {
    known = { type, id, trust, subject, tags: known?.tags ?? tagsOf(claims) };
    PRINCIPALS.set(claims, known);
  }
  return known;
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

const NO_TASKS: readonly string[] = [];

/** Of the root first, the other way round. */
const tasksOf = (lineage: readonly TaskFacts[], now: number): RecordedTask[] => {
  const ids = lineage.map(({ id }) => id);
  return lineage.map((one, depth) => taskOf(one, ids.slice(0, depth), now)).toReversed();
};

function taskOf(task: TaskFacts, parents: readonly string[], now: number): RecordedTask {
  const { id, orchestrator, openedAt } = task;
  const { purpose, labels } = fixedOf(task);
  const age = Math.max(0, Math.floor((now - openedAt) / 1000));
  return {
    id,
    purpose,
    age,
    ...(parents.length > 0 && { parents }),
    orchestrator,
    ...(labels.length > 0 && { labels }),
  };
}

type Past = Pick<RecordedRequest, 'held' | 'signals' | 'refusals'>;
const PAST = new WeakMap<TreeContext, Past>();

function pastIn(context: TreeContext): Past {
  let past = PAST.get(context);
  if (!past) {
    const { held, signals, refusals } = context;
    past = {
      ...(held.length > 0 && { held: heldIn(context) }),
      ...(signals.length > 0 && { signals }),
      ...(refusals > 0 && { refusals }),
    };
    PAST.set(context, past);
  }
  return past;
}

function heldIn(context: TreeContext): Held {
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
  return held;
}
