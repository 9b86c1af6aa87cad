// Decides a request: each tool of it, for the task and for every task above. All must be permitted.
import type { CompiledPolicy } from './compiled-policy.js';
import type { Scope } from './expression.js';
import type { PolicySet, Verdict } from './policy-set.js';
import type { RecordedPrincipal, RecordedRequest, RecordedTask, RecordedTool } from './request.js';
import type { Entity, Value } from './values.js';
import { entity } from './values.js';

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
  const principal = principalEntity(request.principal);
  const action: Entity = entity({ type: 'Action', id: request.action });
  const common = commonContext(request);
  return request.tools.flatMap((tool) => {
    const resource = toolEntity(tool);
    return request.tasks.map((task) => ({
      scope: { principal, action, resource, context: contextOf(common, tool, task) },
      tool,
      task,
    }));
  });
}

const principalEntity = ({ type, id, trust, subject, tags }: RecordedPrincipal): Entity =>
  entity({ type, id, attrs: { trust, subject }, tags });

const toolEntity = ({ name: id, plane, sensitivity, audience }: RecordedTool): Entity =>
  entity({ type: 'Tool', id, attrs: { plane, sensitivity, audience } });

type Context = Record<string, Value>;

function commonContext({ ttl, held, signals, refusals, address, now }: RecordedRequest): Context {
  const at = new Date(now);
  return {
    ttl,
    held,
    signals,
    refusals,
    network: address === undefined ? {} : { address: extension('ip', address) },
    time: {
      now: extension('datetime', at.toISOString()),
      hour: at.getUTCHours(),
      weekday: WEEKDAYS[at.getUTCDay()]!,
    },
  };
}

const contextOf = (
  common: Context,
  { plane, sensitivity, actions, resources }: RecordedTool,
  { labels, ...task }: RecordedTask,
): Context => ({ ...common, plane, sensitivity, actions, resources, labels, task });

/** As Cedar writes values of its extension types in JSON. */
const extension = (fn: string, arg: string): Value => ({ __extn: { fn, arg } });

const WEEKDAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'] as const;
