// Finds policies that change nothing beside others, as far as it can be told without solving their conditions.
import type { PolicyJson } from '@cedar-policy/cedar-wasm/nodejs';
import { canonicalJson } from '../../domain/digest.js';
import type { CompiledPolicy } from './compiled-policy.js';
import { ACTIONS } from './actions.js';
import type { PolicyFlaw } from './parse.js';

/** Each policy is told of once, by the plainest reason. */
export function shadowed(policies: readonly CompiledPolicy[]): PolicyFlaw[] {
  const scoped = policies.map((policy) => ({ policy, scope: scopeOf(policy) }));
  const always = new Unconditional(scoped);
  const first = new Map<string, CompiledPolicy>();
  return scoped.flatMap((one) => {
    const { policy, scope } = one;
    const key = canonicalJson([policy.effect, scope, policy.json.conditions]);
    const twin = first.get(key);
    if (!twin) first.set(key, policy);
    const message = forbidden(one, always) ?? (twin && repeated(policy, twin)) ?? covered(one, always);
    return message === undefined ? [] : [{ ...policy.place, message }];
  });
}

/** Policies without conditions, found by whom and what they name: ten thousand are not to be compared with one another. */
class Unconditional {
  readonly #byNames = new Map<string, Scoped[]>();

  constructor(scoped: readonly Scoped[]) {
    for (const one of scoped) {
      if (one.policy.json.conditions.length > 0) continue;
      const key = namesOf(one.policy.effect, one.scope.principal.id, one.scope.resource.id);
      const list = this.#byNames.get(key);
      if (list) list.push(one);
      else this.#byNames.set(key, [one]);
    }
  }

  /** Those whose scope covers this one. */
  covering({ scope }: Scoped, effect: CompiledPolicy['effect']): Scoped[] {
    const principals = new Set([undefined, scope.principal.id]);
    const resources = new Set([undefined, scope.resource.id]);
    return [...principals].flatMap((principal) =>
      [...resources].flatMap((resource) =>
        (this.#byNames.get(namesOf(effect, principal, resource)) ?? []).filter((one) =>
          covers(one.scope, scope),
        ),
      ),
    );
  }
}

const namesOf = (...names: readonly (string | undefined)[]): string => JSON.stringify(names);

interface Bound {
  /** Absent: any. */
  readonly type?: string;
  readonly id?: string;
}

interface Scope {
  readonly principal: Bound;
  readonly actions: readonly string[];
  readonly resource: Bound;
}

interface Scoped {
  readonly policy: CompiledPolicy;
  readonly scope: Scope;
}

function forbidden(one: Scoped, always: Unconditional): string | undefined {
  if (one.policy.effect !== 'permit') return undefined;
  const [forbid] = always.covering(one, 'forbid');
  return forbid && `this never permits anything: ${told(forbid.policy)} forbids all of it`;
}

function repeated(policy: CompiledPolicy, twin: CompiledPolicy): string {
  const same = canonicalJson(policy.obligations) === canonicalJson(twin.obligations);
  const which = same ? 'one of them is enough' : 'of what both oblige to the strictest holds, so write one';
  return `this has the scope and the conditions of ${told(twin)}: ${which}`;
}

function covered(one: Scoped, always: Unconditional): string | undefined {
  const { policy } = one;
  const wider = always
    .covering(one, policy.effect)
    // Of two that cover one another, the second is told of as the same again, and the first stays.
    .find((other) => !covers(one.scope, other.scope) && addsNothing(policy, other.policy));
  return wider && `this changes nothing: ${told(wider.policy)} ${policy.effect}s all of it already`;
}

/** What the wider one obliges to holds in any case. */
const addsNothing = ({ obligations }: CompiledPolicy, wider: CompiledPolicy): boolean =>
  Object.keys(obligations).length === 0 || canonicalJson(obligations) === canonicalJson(wider.obligations);

const told = ({ name, place }: CompiledPolicy): string => `${name} (${place.file}:${place.line})`;

const covers = (wide: Scope, narrow: Scope): boolean =>
  bounds(wide.principal, narrow.principal) &&
  bounds(wide.resource, narrow.resource) &&
  narrow.actions.every((action) => wide.actions.includes(action));

const bounds = (wide: Bound, narrow: Bound): boolean =>
  (wide.type === undefined || wide.type === narrow.type) && (wide.id === undefined || wide.id === narrow.id);

/** `principal` alone and `principal is Agent` are the same where only agents may do it. */
function scopeOf({ json, actions = ACTIONS }: CompiledPolicy): Scope {
  const agents = actions.every((action) => action !== 'open_task');
  const orchestrators = actions.every((action) => action === 'open_task');
  const only = agents ? 'Agent' : orchestrators ? 'Orchestrator' : undefined;
  return {
    principal: { ...(only !== undefined && { type: only }), ...boundOf(json.principal) },
    actions: [...actions].sort(),
    resource: { type: 'Tool', ...boundOf(json.resource) },
  };
}

function boundOf(constraint: PolicyJson['principal'] | PolicyJson['resource']): Bound {
  switch (constraint.op) {
    case 'All':
      return {};
    case '==':
    case 'in':
      return uidOf(constraint);
    case 'is':
      return constraint.in ? uidOf(constraint.in) : { type: constraint.entity_type };
  }
}

/** Slots there are none: templates were refused when they were read. */
function uidOf(constraint: object): Bound {
  const { entity: uid } = constraint as { entity: Bound | { __entity: Bound } };
  return '__entity' in uid ? uid.__entity : uid;
}
