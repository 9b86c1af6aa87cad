// Cedar's expressions in its own JSON form, made into functions: what the reference does in WASM, without the way there.
import type { Expr } from '@cedar-policy/cedar-wasm/nodejs';
import type { Call } from './extension-calls.js';
import { extensionCall } from './extension-calls.js';
import { isExtension, parseDatetime, parseDuration, parseIp } from './extensions.js';
import { compared, entityIn, long, mistyped, number, set, textIn, truth } from './operands.js';
import type { Value } from './values.js';
import { contains, Entity, EvaluationError, isEntity, membership, same } from './values.js';

/*
 * Proved equal to the reference on random policies and requests: test/policy/cedar/differential. Where it differs it
 * gives up instead of guessing: a number beyond 2^53 is an evaluation error here, and from 2^63 there.
 */

/** What a policy is evaluated on. */
export interface Scope {
  readonly principal: Entity;
  readonly action: Entity;
  readonly resource: Entity;
  readonly context: { readonly [name: string]: Value };
}

export type Expression = (scope: Scope) => Value;

/** Something that this evaluator does not know, or not so: the policy cannot be used at all. */
export class Unsupported extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'Unsupported';
  }
}

type Operands = { readonly left: Expr; readonly right: Expr };
type Record_ = { readonly [name: string]: Value };

export function expressionOf(body: Expr): Expression {
  const entries = Object.entries(body);
  const [operator, operand] = entries[0] ?? ['nothing', undefined];
  if (entries.length !== 1) throw new Unsupported(`an expression of ${entries.length} members`);
  const rule = Object.hasOwn(OPERATORS, operator) ? OPERATORS[operator] : undefined;
  if (rule) return rule(operand as never);
  const call = extensionCall(operator);
  if (!call) throw new Unsupported(`${operator} is not known here`);
  return callOf(operator, call, operand as Expr[]);
}

function callOf(name: string, call: Call, operands: readonly Expr[]): Expression {
  const [first, second] = operands.map(expressionOf);
  if (!first || operands.length !== call.length)
    throw new Unsupported(`${name} with ${operands.length} operands`);
  const literal = operands.length === 1 && 'Value' in operands[0]!;
  // A literal is worth looking at once.
  if (literal) return literalCall(name, call, first(NO_SCOPE));
  return second ? (scope) => call(first(scope), second(scope)) : (scope) => call(first(scope));
}

function literalCall(name: string, call: Call, operand: Value): Expression {
  try {
    const value = call(operand);
    return () => value;
  } catch (error) {
    if (!(error instanceof EvaluationError)) throw error;
    // The reference has read it: it is beyond what we compute with, as a number could be.
    throw new Unsupported(`${name}(${JSON.stringify(operand)}) is beyond 2^53`);
  }
}

const NO_SCOPE = undefined as unknown as Scope;

const OPERATORS: Readonly<Record<string, (operand: never) => Expression>> = {
  Value: (value: unknown) => {
    const fixed = valueOf(value);
    return () => fixed;
  },
  Var: (name: keyof Scope) => {
    if (!['principal', 'action', 'resource', 'context'].includes(name))
      throw new Unsupported(`variable ${name}`);
    return (scope) => scope[name];
  },
  '!': ({ arg }: { arg: Expr }) => {
    const of = expressionOf(arg);
    return (scope) => !truth(of(scope));
  },
  neg: ({ arg }: { arg: Expr }) => {
    const of = expressionOf(arg);
    return (scope) => long(0 - number(of(scope)));
  },
  '==': binary(same),
  '!=': binary((left, right) => !same(left, right)),
  '<': binary((left, right) => compared(left, right) < 0),
  '<=': binary((left, right) => compared(left, right) <= 0),
  '>': binary((left, right) => compared(left, right) > 0),
  '>=': binary((left, right) => compared(left, right) >= 0),
  '+': binary((left, right) => long(number(left) + number(right))),
  '-': binary((left, right) => long(number(left) - number(right))),
  '*': binary((left, right) => long(number(left) * number(right))),
  '&&': ({ left, right }: Operands) => {
    const [first, second] = [expressionOf(left), expressionOf(right)];
    return (scope) => truth(first(scope)) && truth(second(scope));
  },
  '||': ({ left, right }: Operands) => {
    const [first, second] = [expressionOf(left), expressionOf(right)];
    return (scope) => truth(first(scope)) || truth(second(scope));
  },
  'if-then-else': (parts: { if: Expr; then: Expr; else: Expr }) => {
    const [condition, yes, no] = [expressionOf(parts.if), expressionOf(parts.then), expressionOf(parts.else)];
    return (scope) => (truth(condition(scope)) ? yes(scope) : no(scope));
  },
  contains: ({ left, right }: Operands) => {
    const [all, one] = [expressionOf(left), expressionOf(right)];
    const text = literalText(right);
    // By far the most of what policies ask.
    if (text !== undefined) return (scope) => set(all(scope)).includes(text);
    return (scope) => contains(set(all(scope)), one(scope));
  },
  containsAll: binary((left, right) => {
    const isMember = membership(set(left));
    return set(right).every(isMember);
  }),
  containsAny: binary((left, right) => {
    const isMember = membership(set(left));
    return set(right).some(isMember);
  }),
  isEmpty: ({ arg }: { arg: Expr }) => {
    const of = expressionOf(arg);
    return (scope) => set(of(scope)).length === 0;
  },
  Set: (members: Expr[]) => {
    const all = members.map(expressionOf);
    return constantSet(members) ?? ((scope) => all.map((one) => one(scope)));
  },
  Record: (members: Record<string, Expr>) => {
    const all = Object.entries(members).map(([name, one]) => [name, expressionOf(one)] as const);
    return (scope) => recordOf(all.map(([name, one]) => [name, one(scope)]));
  },
  '.': ({ left, attr }: { left: Expr; attr: string }) => {
    const of = expressionOf(left);
    if (isVar(left, 'context')) return (scope) => memberOf(scope.context, attr);
    return (scope) => {
      const members = membersOf(of(scope), scope);
      return memberOf(members, attr);
    };
  },
  has: ({ left, attr }: { left: Expr; attr: string | string[] }) => {
    const of = expressionOf(left);
    const path = typeof attr === 'string' ? [attr] : attr;
    return (scope) => hasPath(of(scope), path, scope);
  },
  hasTag: tag((tags, name) => tags !== undefined && Object.hasOwn(tags, name)),
  getTag: tag((tags, name) => {
    const value = tags && Object.hasOwn(tags, name) ? tags[name] : undefined;
    if (value === undefined) throw new EvaluationError(`there is no tag ${name}`);
    return value;
  }),
  like: ({ left, pattern }: { left: Expr; pattern: ('Wildcard' | { Literal: string })[] }) => {
    const of = expressionOf(left);
    const pieces = piecesOf(pattern);
    return (scope) => matches(pieces, textIn(of(scope)));
  },
  is: ({ left, entity_type: type, in: within }: { left: Expr; entity_type: string; in?: Expr }) => {
    const of = expressionOf(left);
    const group = within && expressionOf(within);
    return (scope) => {
      const one = entityIn(of(scope));
      return one.type === type && (!group || isIn(one, group(scope)));
    };
  },
  in: binary((left, right) => isIn(entityIn(left), right)),
};

function binary(compute: (left: Value, right: Value) => Value) {
  return ({ left, right }: Operands): Expression => {
    const [first, second] = [expressionOf(left), expressionOf(right)];
    return (scope) => compute(first(scope), second(scope));
  };
}

function tag(compute: (tags: Entity['tags'], name: string) => Value) {
  return ({ left, right }: Operands): Expression => {
    const [of, name] = [expressionOf(left), expressionOf(right)];
    const fixed = literalText(right);
    if (fixed !== undefined && isVar(left, 'principal'))
      return (scope) => compute(scope.principal.tags, fixed);
    return (scope) => {
      const named = entityIn(of(scope));
      return compute(known(named, scope)?.tags, textIn(name(scope)));
    };
  };
}

const isVar = (body: Expr, name: string): boolean => 'Var' in body && body.Var === name;

const literalText = (body: Expr): string | undefined =>
  'Value' in body && typeof body.Value === 'string' ? body.Value : undefined;

function memberOf(members: Record_ | undefined, attr: string): Value {
  const value = members && Object.hasOwn(members, attr) ? members[attr] : undefined;
  if (value === undefined) throw new EvaluationError(`there is no ${attr}`);
  return value;
}

/** A set of literals is made once. */
function constantSet(members: readonly Expr[]): Expression | undefined {
  if (!members.every((member) => 'Value' in member)) return undefined;
  const value = members.map((member) => valueOf((member as { Value: unknown }).Value));
  return () => value;
}

/** A constant of a policy. */
function valueOf(value: unknown): Value {
  if (typeof value === 'number' && !Number.isSafeInteger(value))
    throw new Unsupported(`the number ${value} is beyond 2^53`);
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  if (Array.isArray(value)) return value.map(valueOf);
  if (value === null || typeof value !== 'object') throw new Unsupported(`the value ${String(value)}`);
  if ('__entity' in value)
    return new Entity(value.__entity as { readonly type: string; readonly id: string });
  if ('__extn' in value) return extension(value.__extn as Record_);
  return recordOf(Object.entries(value).map(([name, member]) => [name, valueOf(member)]));
}

const recordOf = (members: (readonly [string, Value])[]): Record_ =>
  Object.assign(Object.create(null) as Record_, Object.fromEntries(members));

const EXTENSIONS = { ip: parseIp, datetime: parseDatetime, duration: parseDuration } as const;

/** A constant of an extension type: `{"fn":"ip","arg":"10.0.0.1"}`. */
function extension({ fn, arg }: Record_): Value {
  const parse =
    typeof fn === 'string' && Object.hasOwn(EXTENSIONS, fn) && EXTENSIONS[fn as keyof typeof EXTENSIONS];
  const value = parse && typeof arg === 'string' ? parse(arg) : undefined;
  if (value === undefined) throw new Unsupported(`the value ${JSON.stringify({ fn, arg })}`);
  return value;
}

/** The entity as the request tells of it: another one is only a name. */
function known(named: Entity, { principal, resource }: Scope): Entity | undefined {
  if (named === principal || named === resource) return named;
  if (isSame(named, principal)) return principal;
  return isSame(named, resource) ? resource : undefined;
}

const isSame = (one: Entity, other: Entity): boolean => one.id === other.id && one.type === other.type;

function membersOf(value: Value, scope: Scope): Record_ | undefined {
  if (typeof value !== 'object' || Array.isArray(value) || isExtension(value))
    throw mistyped('record', value);
  return isEntity(value) ? known(value, scope)?.attrs : (value as Record_);
}

function hasPath(value: Value, path: readonly string[], scope: Scope): boolean {
  let at = value;
  for (const name of path) {
    const members = membersOf(at, scope);
    if (!members || !Object.hasOwn(members, name)) return false;
    at = members[name]!;
  }
  return true;
}

function isIn(one: Entity, group: Value): boolean {
  if (Array.isArray(group)) {
    const entities = (group as readonly Value[]).map(entityIn);
    return entities.some((member) => same(one, member));
  }
  // No entity of ours has parents: what is in another one is that one itself.
  return same(one, entityIn(group));
}

/** Texts between the stars: with one star or more there is one piece more than stars. */
function piecesOf(pattern: readonly ('Wildcard' | { Literal: string })[]): string[] {
  const pieces = [''];
  for (const part of pattern) {
    if (part === 'Wildcard') pieces.push('');
    else pieces[pieces.length - 1] += part.Literal;
  }
  return pieces;
}

/** From left to right, never back: costs no more than the lengths. A star that stands in the text is only a letter. */
function matches(pieces: readonly string[], text: string): boolean {
  const [start = '', ...rest] = pieces;
  const end = rest.pop();
  if (end === undefined) return start === text;
  if (!text.startsWith(start) || !text.endsWith(end)) return false;
  let from = start.length;
  const until = text.length - end.length;
  for (const piece of rest) {
    const found = text.indexOf(piece, from);
    if (found < 0) return false;
    from = found + piece.length;
  }
  return from <= until;
}
