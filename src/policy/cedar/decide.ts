// Decides a request: each tool of it, for the task and for every task above. All must be permitted.
import type { CompiledPolicy } from './compiled-policy.js';
import type { Scope } from './expression.js';
import { Datetime, parseIp } from './extensions.js';
import type { ActionName } from './actions.js';
import { ACTIONS } from './actions.js';
import type { PolicySet, Verdict } from './policy-set.js';
import type { Held, RecordedPrincipal, RecordedRequest, RecordedTask, RecordedTool } from './request.js';
import type { Value } from './values.js';
import { Entity } from './values.js';

export interface Outcome {
  readonly effect: 'permit' | 'deny';
  /** The permits that it rests on, or the forbids; each once. */
  readonly determining: readonly CompiledPolicy[];
  /** Where nothing permits it. */
  readonly lacking?: { readonly tool: string; readonly task: string };
  readonly failed: Verdict['failed'];
}

/** A child gets only what every task above it would get in its place: so labels and depth never widen (invariant 4). */
export function decideRequest(set: PolicySet, request: RecordedRequest): Outcome {
  const [tool, ...otherTools] = request.tools;
  const [task, ...above] = request.tasks;
  // By far the most are one tool of a root: what follows would take longer than the decision.
  if (tool && task && otherTools.length === 0 && above.length === 0) {
    const { effect, determining, failed } = set.decide(scopeOf(commonContext(request), tool, task));
    if (effect === 'permit' || determining.length > 0) return { effect, determining, failed };
    return { effect, determining, lacking: { tool: tool.name, task: task.id }, failed };
  }
  return decideAll(set, request);
}

function decideAll(set: PolicySet, request: RecordedRequest): Outcome {
  const permits = new Set<CompiledPolicy>();
  const forbids = new Set<CompiledPolicy>();
  const failed: Verdict['failed'][number][] = [];
  let lacking: Outcome['lacking'];
  for (const { scope, tool, task } of scopesOf(request)) {
    const verdict = set.decide(scope);
    failed.push(...verdict.failed);
    const denied = verdict.effect === 'deny';
    for (const policy of verdict.determining) (denied ? forbids : permits).add(policy);
    if (denied && verdict.determining.length === 0) lacking ??= { tool: tool.name, task: task.id };
  }
  const denied = forbids.size > 0 || lacking !== undefined || request.tools.length === 0;
  return {
    effect: denied ? 'deny' : 'permit',
    determining: [...(denied ? forbids : permits)],
    ...(lacking && { lacking }),
    failed,
  };
}

/** The single decisions that a request is made of. */
export function scopesOf(
  request: RecordedRequest,
): { readonly scope: Scope; readonly tool: RecordedTool; readonly task: RecordedTask }[] {
  const common = commonContext(request);
  return request.tools.flatMap((tool) =>
    request.tasks.map((task) => ({ scope: scopeOf(common, tool, task), tool, task })),
  );
}

const scopeOf = (common: Common, tool: RecordedTool, task: RecordedTask): Scope => ({
  principal: principalEntity(common.request.principal),
  action: ACTION_ENTITIES[common.request.action],
  resource: toolEntity(tool),
  context: contextOf(common, tool, task),
});

const ACTION_ENTITIES = Object.fromEntries(
  ACTIONS.map((id) => [id, new Entity({ type: 'Action', id })]),
) as Readonly<Record<ActionName, Entity>>;

const PRINCIPALS = new WeakMap<RecordedPrincipal, Entity>();

function principalEntity(principal: RecordedPrincipal): Entity {
  let known = PRINCIPALS.get(principal);
  if (!known) {
    const { type, id, trust, subject, tags } = principal;
    PRINCIPALS.set(principal, (known = new Entity({ type, id, attrs: { trust, subject }, tags })));
  }
  return known;
}

const toolEntity = ({ name: id, plane, sensitivity, audience }: RecordedTool): Entity =>
  new Entity({ type: 'Tool', id, attrs: { plane, sensitivity, audience } });

type Members = Record<string, Value>;

/** What is the same for every tool and task of a request. */
interface Common {
  readonly request: RecordedRequest;
  readonly network: Members;
  readonly time: Members;
}

function commonContext(request: RecordedRequest): Common {
  const { address, now } = request;
  const at = new Date(now);
  return {
    request,
    network: address === undefined ? {} : networkOf(address),
    time: { now: new Datetime(now), hour: at.getUTCHours(), weekday: WEEKDAYS[at.getUTCDay()]! },
  };
}

/** Member by member: a copy with more members takes as long as ten policies. */
const contextOf = (
  { request, network, time }: Common,
  { plane, sensitivity, actions, resources }: RecordedTool,
  { id, purpose, age, parents = NOTHING, orchestrator, labels = NOTHING }: RecordedTask,
): Members => ({
  actions,
  resources,
  plane,
  sensitivity,
  ttl: request.ttl,
  labels,
  task: { id, purpose, age, depth: parents.length, parents, orchestrator },
  held: request.held ?? NOTHING_HELD,
  signals: request.signals ?? NOTHING,
  refusals: request.refusals ?? 0,
  network,
  time,
});

const NOTHING: readonly string[] = [];
const NOTHING_HELD: Held = { tool: NOTHING, data: NOTHING, cloud: NOTHING, tools: NOTHING };

const MOST_ADDRESSES = 1000;
const networks = new Map<string, Members>();

/** What cannot be read as an address is none: policies have to ask whether there is one. */
function networkOf(address: string): Members {
  let known = networks.get(address);
  if (!known) {
    const ip = parseIp(address);
    known = ip ? { address: ip } : {};
    if (networks.size >= MOST_ADDRESSES) networks.clear();
    networks.set(address, known);
  }
  return known;
}

export const WEEKDAYS = [
  'sunday',
  'monday',
  'tuesday',
  'wednesday',
  'thursday',
  'friday',
  'saturday',
] as const;
