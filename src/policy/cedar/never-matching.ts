// Finds what no request can meet, as far as the catalogue tells: tools that are not in it, texts that nothing is called.
import type { Expr } from '@cedar-policy/cedar-wasm/nodejs';
import { nearest } from '../../domain/nearest.js';
import type { Catalogue } from '../../domain/tool.js';
import type { CompiledPolicy } from './compiled-policy.js';
import { uidOf } from './compiled-policy.js';
import type { PolicyFlaw } from './parse.js';
import type { Vocabulary } from './vocabulary.js';
import { literalsOf, pathOf, vocabularyOf } from './vocabulary.js';

/*
 * The reference knows the schema alone, in which a plane is any text. A forbid that compares with a slip of the pen is
 * the worst of it: it reads as if something were closed.
 */
export function neverMatching(policies: readonly CompiledPolicy[], catalogue: Catalogue): PolicyFlaw[] {
  return policies.flatMap((policy) => {
    const messages = new Set(messagesFor(policy, catalogue));
    return [...messages].map((message) => ({ ...policy.place, message }));
  });
}

function messagesFor(policy: CompiledPolicy, catalogue: Catalogue): string[] {
  const { tool, json } = policy;
  if (tool !== undefined && !catalogue.byName(tool))
    return [`${SO_NEVER}, as the catalogue has no tool ${quoted(tool)}${hint(tool, toolNames(catalogue))}`];
  const vocabulary = vocabularyOf(policy, catalogue);
  const { principal } = json;
  const misnamed = 'entity' in principal ? ofPrincipals([uidOf(principal)], '==') : undefined;
  return [
    ...(misnamed ? [`${SO_NEVER}, as ${misnamed.message}${misnamed.hint}`] : []),
    ...json.conditions.flatMap(({ kind, body }) =>
      findings(body, kind === 'when', { vocabulary, catalogue }),
    ),
  ];
}

interface Known {
  readonly vocabulary: Vocabulary;
  readonly catalogue: Catalogue;
}

const SO_NEVER = 'this policy never matches';
const toolNames = (catalogue: Catalogue): string[] => catalogue.all().map(({ name }) => name);

/** @param needed without this part the policy does not match */
function findings(body: Expr, needed: boolean, known: Known): string[] {
  const [operator, operand] = operationOf(body);
  if (operator === 'Value' || operator === 'Var') return [];
  const found = comparison(operator, operand as Operands, known);
  const own = found
    ? [`${found.impossible && needed ? `${SO_NEVER}, as ` : ''}${found.message}${found.hint}`]
    : [];
  const below = needed && (operator === '&&' || neverHolds(body, known));
  return [...own, ...partsOf(operand).flatMap((part) => findings(part, below, known))];
}

function neverHolds(body: Expr, known: Known): boolean {
  const [operator, operand] = operationOf(body);
  const { left, right } = operand as Operands;
  if (operator === '&&') return neverHolds(left, known) || neverHolds(right, known);
  if (operator === '||') return neverHolds(left, known) && neverHolds(right, known);
  return comparison(operator, operand as Operands, known)?.impossible ?? false;
}

const operationOf = (body: Expr): [operator: string, operand: unknown] =>
  Object.entries(body)[0] as [string, unknown];

/** Every expression right below an operator. */
function partsOf(operand: unknown): Expr[] {
  if (typeof operand !== 'object' || operand === null) return [];
  const members: unknown[] = Array.isArray(operand) ? operand : Object.values(operand);
  return members.filter(
    (member): member is Expr => typeof member === 'object' && member !== null && !Array.isArray(member),
  );
}

interface Operands {
  readonly left: Expr;
  readonly right: Expr;
}

interface Finding {
  readonly message: string;
  readonly hint: string;
  /** It does not only name what is not there: it cannot hold. */
  readonly impossible: boolean;
}

const COMPARISONS: ReadonlySet<string> = new Set([
  '==',
  '!=',
  'in',
  'contains',
  'containsAll',
  'containsAny',
]);

function comparison(operator: string, { left, right }: Operands, known: Known): Finding | undefined {
  if (!COMPARISONS.has(operator)) return undefined;
  const leftPath = pathOf(left);
  const path = leftPath ?? pathOf(right);
  const literals = literalsOf(leftPath === undefined ? left : right);
  if (path === undefined || literals === undefined) return undefined;
  if (path === 'resource') return ofTools(literals, operator, known);
  const entities = literals.flatMap((one) => (typeof one === 'string' ? [] : [one.__entity]));
  if (path === 'principal') return ofPrincipals(entities, operator);
  const texts = known.vocabulary.textsOf(path);
  const written = literals.filter((literal) => typeof literal === 'string');
  if (path === 'context.labels') return ofLabels(written, operator, leftPath !== undefined);
  if (!texts || written.length < literals.length) return undefined;
  const strange = written.filter((text) => !texts.includes(text));
  const [first] = strange;
  if (first === undefined) return unoffered(operator, leftPath, written, known);
  const all = strange.length === written.length;
  const verb = IS_ONE_TEXT.test(path) ? 'is never' : 'never holds';
  return {
    message: `${path} ${verb} ${strange.map(quoted).join(', ')}`,
    hint: hint(first, texts),
    impossible: cannotHold(operator, leftPath !== undefined, all, path),
  };
}

const IS_ONE_TEXT = /\.(?:plane|sensitivity|weekday)$/;

function cannotHold(operator: string, pathIsLeft: boolean, allStrange: boolean, path: string): boolean {
  switch (operator) {
    case '!=':
      return false;
    case '==':
      return true;
    case 'containsAll':
      // Whatever is listed contains all of nothing, and nothing may be held; of actions there is always one.
      return pathIsLeft || (allStrange && path === 'context.actions');
    default:
      return allStrange;
  }
}

/** Each is offered, and no tool offers them together. */
function unoffered(
  operator: string,
  leftPath: string | undefined,
  actions: readonly string[],
  { vocabulary }: Known,
): Finding | undefined {
  if (leftPath !== 'context.actions' || !['==', 'containsAll'].includes(operator)) return undefined;
  const offered = vocabulary.tools.some((tool) => actions.every((action) => tool.actions.includes(action)));
  return offered
    ? undefined
    : { message: `no tool offers ${actions.map(quoted).join(' and ')} together`, hint: '', impossible: true };
}

function ofTools(
  literals: NonNullable<ReturnType<typeof literalsOf>>,
  operator: string,
  { catalogue }: Known,
): Finding | undefined {
  const names = literals.flatMap((one) => (typeof one === 'string' ? [] : [one.__entity.id]));
  const strange = names.filter((name) => !catalogue.byName(name));
  const [first] = strange;
  if (first === undefined) return undefined;
  return {
    message: `the catalogue has no tool ${strange.map(quoted).join(', ')}`,
    hint: hint(first, toolNames(catalogue)),
    impossible: operator !== '!=' && strange.length === names.length,
  };
}

/** `Agent::"agent-7"`: nobody is called so, as each is called by who vouches for it, or by its SPIFFE ID. */
function ofPrincipals(
  entities: readonly { readonly type: string; readonly id: string }[],
  operator: string,
): Finding | undefined {
  const strange = entities.filter(({ id }) => !id.includes('/'));
  const [first] = strange;
  if (first === undefined) return undefined;
  return {
    message: `no principal is called ${strange.map(({ id }) => quoted(id)).join(', ')}`,
    hint: `: its trust comes first, as in ${first.type}::${quoted(`cluster/${first.id}`)}`,
    impossible: operator !== '!=' && strange.length === entities.length,
  };
}

function ofLabels(written: readonly string[], operator: string, pathIsLeft: boolean): Finding | undefined {
  const strange = written.filter((text) => !text.includes('='));
  const [first] = strange;
  if (first === undefined) return undefined;
  return {
    message: `context.labels never holds ${strange.map(quoted).join(', ')}`,
    hint: `: a label is written key=value, as in ${quoted(`${first}=yes`)}`,
    impossible: cannotHold(operator, pathIsLeft, strange.length === written.length, 'context.labels'),
  };
}

const MOST_NAMED = 12;

function hint(written: string, known: readonly string[]): string {
  const meant = nearest(written, known);
  if (meant !== undefined) return `: did you mean ${quoted(meant)}?`;
  return known.length > MOST_NAMED ? '' : `: there is ${known.map(quoted).join(', ')}`;
}

const quoted = (text: string): string => JSON.stringify(text);
