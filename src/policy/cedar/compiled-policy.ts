// One policy made ready: what it is about, to find it by, and the function that tells whether it is satisfied.
import type { ActionConstraint, PolicyJson } from '@cedar-policy/cedar-wasm/nodejs';
import type { Scope } from './expression.js';
import { expressionOf, Unsupported } from './expression.js';
import type { Obligations } from './obligations.js';
import type { Place } from './parse.js';
import { EvaluationError } from './values.js';

/** A policy as it was read and found good. */
export interface Policy {
  /** What decisions call it: its `@id`, or its file and which of it. */
  readonly name: string;
  readonly place: Place;
  readonly json: PolicyJson;
  readonly obligations: Obligations;
}

export interface CompiledPolicy extends Policy {
  readonly effect: 'permit' | 'forbid';
  /** The only tool that it is about; absent: any. */
  readonly tool?: string;
  /** The only actions that it is about; absent: any. */
  readonly actions?: readonly string[];
  /** Whether principal and conditions hold. @throws EvaluationError */
  satisfied(scope: Scope): boolean;
}

type Constraint = PolicyJson['principal'] | PolicyJson['resource'];

/** @throws Unsupported with what this evaluator does not know. */
export function compiled(policy: Policy): CompiledPolicy {
  const { json } = policy;
  const tests = [constraintOf('principal', json.principal), constraintOf('resource', json.resource)].filter(
    (test) => test !== undefined,
  );
  const checks = [...tests, ...json.conditions.map(conditionOf)];
  const tool = idOf(json.resource, 'Tool');
  const actions = actionsOf(json.action);
  return {
    ...policy,
    effect: json.effect,
    ...(tool !== undefined && { tool }),
    ...(actions && { actions }),
    satisfied: (scope) => {
      for (const check of checks) if (!check(scope)) return false;
      return true;
    },
  };
}

function conditionOf({ kind, body }: PolicyJson['conditions'][number]): (scope: Scope) => boolean {
  const holds = expressionOf(body);
  const wanted = kind === 'when';
  return (scope) => {
    const value = holds(scope);
    if (typeof value !== 'boolean') throw new EvaluationError('a condition is no boolean');
    return value === wanted;
  };
}

/** The scope of a policy is an expression like any other. */
function constraintOf(
  name: 'principal' | 'resource',
  constraint: Constraint,
): ((scope: Scope) => boolean) | undefined {
  switch (constraint.op) {
    case 'All':
      return undefined;
    case '==':
    case 'in': {
      // No entity of ours has parents: what is in another one is that one itself.
      const { type, id } = uidOf(constraint);
      return (scope) => scope[name].id === id && scope[name].type === type;
    }
    case 'is': {
      const { entity_type: type, in: within } = constraint;
      const inside = within && uidOf(within);
      return (scope) =>
        scope[name].type === type && (!inside || (inside.type === type && scope[name].id === inside.id));
    }
  }
}

export function uidOf(constraint: object): { readonly type: string; readonly id: string } {
  if (!('entity' in constraint)) throw new Unsupported('a template: nothing here fills its slots');
  const uid = constraint.entity as { type: string; id: string } | { __entity: { type: string; id: string } };
  return '__entity' in uid ? uid.__entity : uid;
}

function idOf(constraint: Constraint, type: string): string | undefined {
  if (constraint.op !== '==' && constraint.op !== 'in') return undefined;
  const uid = uidOf(constraint);
  return uid.type === type ? uid.id : undefined;
}

function actionsOf(constraint: ActionConstraint): readonly string[] | undefined {
  if (constraint.op === 'All') return undefined;
  const entities =
    'entities' in constraint ? constraint.entities.map((entity) => uidOf({ entity })) : [uidOf(constraint)];
  return [...new Set(entities.map(({ id }) => id))];
}
