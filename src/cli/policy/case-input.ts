// A case as the question that a broker would ask its policies.
import { MINUTE_MS } from '../../domain/duration.js';
import { AUTHORIZATION_DETAIL_TYPE } from '../../domain/grant.js';
import type { PrincipalName, TaskId } from '../../domain/ids.js';
import { lineageOf, principalName } from '../../domain/ids.js';
import type { Catalogue } from '../../domain/tool.js';
import { holdingOf } from '../../domain/tree-context.js';
import type { DecisionInput, PrincipalFacts, TaskFacts } from '../../policy/policy.js';
import type { WrittenCase } from './case-schema.js';

/** A Monday at noon: a case that says nothing of the time comes out the same on every day. */
const USUAL_TIME = '2026-03-02T12:00:00Z';
const USUAL_TASK = 'run-1';
const USUAL_TASK_TTL_MS = 15 * MINUTE_MS;

/** Of a case without slips: see `slipsIn`. */
export function inputOf(one: WrittenCase, catalogue: Catalogue): DecisionInput {
  const { action = 'exchange', ttl, address } = one;
  const now = Date.parse(one.time ?? USUAL_TIME);
  const principal = principalIn(one);
  const [task, ...above] = tasksIn(one, principal, now);
  const held = (one.held ?? []).map((name) => holdingOf(catalogue.byName(name)!));
  const circumstances = {
    principal,
    task: task!,
    above: above.toReversed(),
    context: { version: 0, signals: one.signals ?? [], held, refusals: one.refusals ?? 0 },
    ...(address !== undefined && { address }),
    now,
  };
  if (action === 'open_task') {
    const manifest = { agents: ['*'], tools: one.tools! };
    return { ...circumstances, action, manifest, ttlMs: ttl ?? USUAL_TASK_TTL_MS };
  }
  const { tool, actions = [], resources } = one;
  return {
    ...circumstances,
    action,
    tool: catalogue.byName(tool!)!,
    actions,
    details: resources ? [{ type: AUTHORIZATION_DETAIL_TYPE, actions, resources }] : [],
    ...(ttl !== undefined && { ttlMs: ttl }),
  };
}

export const taskIdOf = ({ task }: WrittenCase): TaskId => (task?.id ?? USUAL_TASK) as TaskId;

function principalIn({ principal }: WrittenCase): PrincipalFacts {
  const { trust = '', subject = '', claims = {} } = principal ?? {};
  // A SPIFFE ID is a name by itself.
  const name = subject.startsWith('spiffe://') ? (subject as PrincipalName) : principalName(trust, subject);
  return { name, trust, subject, claims: { sub: subject, ...claims } };
}

/** The task first, up to the root. What is not said of one above is as it is of the task itself. */
function tasksIn(one: WrittenCase, principal: PrincipalFacts, now: number): TaskFacts[] {
  const { above = [], ...own } = one.task ?? {};
  const opener = one.action === 'open_task' ? principal.name : principalName(principal.trust, 'orchestrator');
  const usual = { purpose: '', orchestrator: opener, age: 0, labels: one.labels ?? {}, ...own };
  return lineageOf(taskIdOf(one)).map((id) => {
    const { purpose, orchestrator, age, labels } = { ...usual, ...above.find((other) => other.id === id) };
    return { id, purpose, orchestrator: orchestrator as PrincipalName, labels, openedAt: now - age };
  });
}
