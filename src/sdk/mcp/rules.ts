// Which action of the tool each MCP tool is, and each method beside `tools/call`: what stands here nowhere is forbidden.
import type { Flaw, Message } from './message.js';
import { INVALID_PARAMS, flaw, isRecord, ownMember } from './message.js';

/** The action that a credential must carry, and where credentials may be bound to resources, which one a call is about. */
export type Rule = string | FullRule;

interface FullRule {
  readonly action: string;
  readonly resource?: (given: Given) => string | undefined;
}

/** Of a tool its arguments, of another method its params: untrusted, and not checked yet. */
type Given = Readonly<Record<string, unknown>>;

/** Names of tools, where each is the action of the same name; or the rule for each. */
export type Rules = readonly string[] | Readonly<Record<string, Rule>>;

/** What a credential must be for one request. */
export type Want =
  /** Alive, and for this server. */
  | { readonly kind: 'live' }
  | {
      readonly kind: 'action';
      readonly called: string;
      readonly action: string;
      readonly resource?: string;
    }
  /** No credential will do. */
  | { readonly kind: 'nothing'; readonly called: string }
  | Flaw;

/** The protocol's own: they open, describe and end a conversation, and touch nothing that is behind the server. */
const FREE: ReadonlySet<string> = new Set([
  'initialize',
  'ping',
  'logging/setLevel',
  'notifications/cancelled',
  'notifications/initialized',
  'notifications/progress',
  'notifications/roots/list_changed',
  'server/discover',
  'subscriptions/listen',
  'tools/list',
]);
/** RFC 6749 §3.3, and no longer than an action of the catalogue may be. */
const SCOPE_TOKEN = /^[\x21\x23-\x5b\x5d-\x7e]{1,64}$/;
/** Longer ones no tool has; they would only be carried into reports. */
const NAME = /^[^]{1,256}$/;
/** No credential is bound to a longer one. */
const RESOURCE = /^[^]{1,512}$/;

export class RuleBook {
  /** Maps, not objects: `__proto__` and `constructor` are names like any other, and stand in neither. */
  readonly #tools: ReadonlyMap<string, FullRule>;
  readonly #methods: ReadonlyMap<string, FullRule>;

  /** @throws TypeError for an action that no scope can name, and for `tools/call` among the methods */
  constructor(tools: Rules, methods: Readonly<Record<string, Rule>> = {}) {
    this.#tools = read(tools);
    this.#methods = read(methods);
    if (this.#methods.has('tools/call')) throw new TypeError('tools/call goes by the rule of each tool');
  }

  /** Every action that some call needs (RFC 9728 §2, `scopes_supported`). */
  get actions(): string[] {
    const rules = [...this.#tools.values(), ...this.#methods.values()];
    return [...new Set(rules.map(({ action }) => action))].toSorted();
  }

  /** Whether a list of tools may name this one to who may do so much. */
  shows(tool: unknown, actions: readonly string[]): boolean {
    const rule = typeof tool === 'string' ? this.#tools.get(tool) : undefined;
    return rule !== undefined && actions.includes(rule.action);
  }

  wantOf({ method, params }: Message): Want {
    if (method === 'tools/call') {
      const name = ownMember(params, 'name');
      const given = ownMember(params, 'arguments') ?? {};
      if (typeof name !== 'string' || !NAME.test(name) || !isRecord(given)) {
        return flaw(400, INVALID_PARAMS, 'A call names a tool, and its arguments are an object.');
      }
      return wanted(name, this.#tools.get(name), given);
    }
    const rule = this.#methods.get(method);
    if (rule === undefined && FREE.has(method) && !namesResources(params)) return { kind: 'live' };
    return wanted(method, rule, params);
  }
}

/** Who listens for changes of a resource learns of them what only its readers should. */
function namesResources(params: Given): boolean {
  const filter = ownMember(params, 'notifications');
  return isRecord(filter) && ownMember(filter, 'resourceSubscriptions') !== undefined;
}

function wanted(called: string, rule: FullRule | undefined, given: Given): Want {
  if (rule === undefined) return { kind: 'nothing', called };
  const { action } = rule;
  let resource: unknown;
  try {
    resource = rule.resource?.(given);
  } catch {
    // It was written for arguments that fit, and these are whatever a client sends.
    return unnamed;
  }
  if (resource === undefined) return { kind: 'action', called, action };
  return typeof resource === 'string' && RESOURCE.test(resource)
    ? { kind: 'action', called, action, resource }
    : unnamed;
}

const unnamed = flaw(400, INVALID_PARAMS, 'The arguments do not say which resource the call is about.');

function read(rules: Rules): Map<string, FullRule> {
  const entries: (readonly [string, Rule])[] = isList(rules)
    ? rules.map((name) => [name, name])
    : Object.entries(rules);
  return new Map(
    entries.map(([name, rule]) => {
      const full = typeof rule === 'string' ? { action: rule } : rule;
      if (typeof full.action === 'string' && SCOPE_TOKEN.test(full.action)) return [name, full];
      throw new TypeError(
        `${JSON.stringify(name)} needs an action of 1 to 64 visible ASCII characters without space, " and \\`,
      );
    }),
  );
}

const isList = (rules: Rules): rules is readonly string[] => Array.isArray(rules);
