// Why a request is decided as it is: which parts of which policies did it, and what would have to be otherwise.
import type { Expr, PolicyJson } from '@cedar-policy/cedar-wasm/nodejs';
import type { CompiledPolicy } from './compiled-policy.js';
import type { Outcome } from './decide.js';
import { decideRequest, scopesOf } from './decide.js';
import type { Scope } from './expression.js';
import { expressionOf } from './expression.js';
import type { PolicySet } from './policy-set.js';
import type { RecordedRequest } from './request.js';
import { EvaluationError } from './values.js';

/** A part of a policy that made the difference, and what it came to; undefined where it could not be evaluated. */
export interface Part {
  readonly body: Expr;
  readonly value: boolean | undefined;
  readonly why?: string;
}

export interface Forbidding {
  readonly policy: CompiledPolicy;
  /** Where it holds: each tool that is asked for, in the task and in those above it. */
  readonly on: readonly { readonly tool: string; readonly task: string }[];
  /** What makes it hold at the first of these. None: it forbids all in its scope. */
  readonly parts: readonly Part[];
}

export interface Lacking {
  readonly tool: string;
  readonly task: string;
  /** Permits about this action and tool, those first that lack least, each with what fails. */
  readonly nearest: readonly { readonly policy: CompiledPolicy; readonly failing: readonly Part[] }[];
}

export interface Explanation {
  readonly outcome: Outcome;
  /** Every forbid that holds. */
  readonly forbidding: readonly Forbidding[];
  /** Whatever nothing permits. */
  readonly lacking: readonly Lacking[];
}

export function explain(set: PolicySet, request: RecordedRequest): Explanation {
  const forbidding = new Map<CompiledPolicy, { on: { tool: string; task: string }[]; parts: Part[] }>();
  const lacking: Lacking[] = [];
  for (const { scope, tool, task } of scopesOf(request)) {
    const place = { tool: tool.name, task: task.id };
    const { effect, determining } = set.decide(scope);
    if (effect === 'permit') continue;
    for (const policy of determining) {
      const known = forbidding.get(policy);
      if (known) known.on.push(place);
      else forbidding.set(policy, { on: [place], parts: partsOf(policy, scope, true) });
    }
    // What a forbid closes may be closed by nothing else: then it is not said that permits are wanting.
    if (!permitted(set, scope)) lacking.push({ ...place, nearest: nearestPermits(set, scope) });
  }
  return {
    outcome: decideRequest(set, request),
    forbidding: [...forbidding].map(([policy, where]) => ({ policy, ...where })),
    lacking,
  };
}

const permitted = (set: PolicySet, scope: Scope): boolean =>
  set
    .about(scope.action.id, scope.resource.id)
    .some((policy) => policy.effect === 'permit' && failingParts(policy, scope).length === 0);

function nearestPermits(set: PolicySet, scope: Scope): Lacking['nearest'] {
  return set
    .about(scope.action.id, scope.resource.id)
    .filter(({ effect }) => effect === 'permit')
    .map((policy) => ({ policy, failing: failingParts(policy, scope) }))
    .toSorted((a, b) => a.failing.length - b.failing.length);
}

const failingParts = (policy: CompiledPolicy, scope: Scope): Part[] => partsOf(policy, scope, false);

/** Of its scope and conditions: those that hold, or those that do not, down to the parts that decide it. */
function partsOf({ json }: CompiledPolicy, scope: Scope, holding: boolean): Part[] {
  const wanted = [
    // Whom and what a policy is about is of interest where it is not this one.
    ...(holding ? [] : scopeTests(json).map((body) => ({ body, value: true }))),
    ...json.conditions.map(({ kind, body }) => ({ body, value: kind === 'when' })),
  ];
  return wanted.flatMap(({ body, value }) => {
    const came = evaluated(body, scope);
    if ((came.value === value) === holding || came.value === undefined)
      return deciding(body, came.value, scope, holding);
    return [];
  });
}

/**
 * The smallest parts of an expression that came to this value. Of something that holds, each of them by itself would end
 * that if it were otherwise; of something that fails, each of them has to be otherwise.
 */
function deciding(body: Expr, value: boolean | undefined, scope: Scope, holding: boolean): Part[] {
  const [operator, operand] = Object.entries(body)[0] as [string, { left: Expr; right: Expr; arg: Expr }];
  if (operator === '!' && value !== undefined) return deciding(operand.arg, !value, scope, holding);
  const whole = [{ body, ...evaluated(body, scope) }];
  if (operator !== '&&' && operator !== '||') return whole;
  // The right side of one that ends at the left may err without anybody having looked at it.
  const sides = [operand.left, operand.right].filter((side) => evaluated(side, scope).value === value);
  const bothNeeded = value !== undefined && (operator === '&&') === value;
  if (value === undefined || sides.length === 1 || bothNeeded === holding)
    return sides
      .slice(0, value === undefined ? 1 : 2)
      .flatMap((side) => deciding(side, value, scope, holding));
  return whole;
}

function evaluated(body: Expr, scope: Scope): { readonly value: boolean | undefined; readonly why?: string } {
  try {
    const value = expressionOf(body)(scope);
    return typeof value === 'boolean' ? { value } : { value: undefined, why: 'it is no boolean' };
  } catch (error) {
    if (!(error instanceof EvaluationError || error instanceof RangeError)) throw error;
    return { value: undefined, why: error.message };
  }
}

/** The scope of a policy as expressions, to be evaluated and told of like its conditions. */
const scopeTests = ({ principal, resource }: PolicyJson): Expr[] =>
  [scopeTest('principal', principal), scopeTest('resource', resource)].filter((test) => test !== undefined);

function scopeTest(
  name: 'principal' | 'resource',
  constraint: PolicyJson['principal'] | PolicyJson['resource'],
): Expr | undefined {
  const left: Expr = { Var: name };
  switch (constraint.op) {
    case 'All':
      return undefined;
    case '==':
      return { '==': { left, right: entityOf(constraint) } };
    case 'in':
      return { in: { left, right: entityOf(constraint) } };
    case 'is': {
      const { entity_type: type, in: within } = constraint;
      return { is: { left, entity_type: type, ...(within && { in: entityOf(within) }) } };
    }
  }
}

function entityOf(constraint: object): Expr {
  const { entity: uid } = constraint as { entity: object };
  return { Value: ('__entity' in uid ? uid : { __entity: uid }) as never };
}
