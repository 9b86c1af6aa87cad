// Which texts an attribute can have at all, as far as the schema and the catalogue tell.
import type { Expr } from '@cedar-policy/cedar-wasm/nodejs';
import type { Catalogue, Tool } from '../../domain/tool.js';
import { PLANES, SENSITIVITIES } from '../../domain/tool.js';
import type { CompiledPolicy } from './compiled-policy.js';
import { WEEKDAYS } from './decide.js';

export interface Vocabulary {
  /** Tools that the policy may be about. */
  readonly tools: readonly Tool[];
  /** What an attribute may be, or what its set may hold; undefined where anything may stand. */
  textsOf(path: string): readonly string[] | undefined;
}

export function vocabularyOf({ tool }: CompiledPolicy, catalogue: Catalogue): Vocabulary {
  const named = tool === undefined ? undefined : catalogue.byName(tool);
  const tools = named ? [named] : catalogue.all();
  const planes = named ? [named.plane] : PLANES;
  const sensitivities = named ? [named.sensitivity] : SENSITIVITIES;
  const texts: Readonly<Record<string, readonly string[]>> = {
    'context.actions': [...new Set(tools.flatMap(({ actions }) => actions))],
    'context.plane': planes,
    'resource.plane': planes,
    'context.sensitivity': sensitivities,
    'resource.sensitivity': sensitivities,
    'context.time.weekday': WEEKDAYS,
    'context.held.tools': catalogue.all().map(({ name }) => name),
    ...Object.fromEntries(PLANES.map((plane) => [`context.held.${plane}`, SENSITIVITIES])),
  };
  return { tools, textsOf: (path) => (Object.hasOwn(texts, path) ? texts[path] : undefined) };
}

/** `context.held.data`: a variable and members of members; undefined for anything else. */
export function pathOf(body: Expr): string | undefined {
  if ('Var' in body) return body.Var as string;
  if (!('.' in body)) return undefined;
  const { left, attr } = (body as { '.': { left: Expr; attr: string } })['.'];
  const before = pathOf(left);
  return before === undefined ? undefined : `${before}.${attr}`;
}

type Literal = string | { readonly __entity: { readonly type: string; readonly id: string } };

/** A text or an entity as such, or all members of a set of them; undefined where there is more to it. */
export function literalsOf(body: Expr): readonly Literal[] | undefined {
  if ('Value' in body) return isLiteral(body.Value) ? [body.Value] : undefined;
  if (!('Set' in body)) return undefined;
  const members = (body as { Set: readonly Expr[] }).Set.map((member) =>
    'Value' in member && isLiteral(member.Value) ? member.Value : undefined,
  );
  return members.every((member) => member !== undefined) ? members : undefined;
}

const isLiteral = (value: unknown): value is Literal =>
  typeof value === 'string' || (typeof value === 'object' && value !== null && '__entity' in value);
