// Has the reference read policies: their JSON form with the place of each, or every mistake at its line; and write parts of them as text. Nothing else calls it.
import { createRequire } from 'node:module';
import type * as Cedar from '@cedar-policy/cedar-wasm/nodejs';
import type { Expr, PolicyJson } from '@cedar-policy/cedar-wasm/nodejs';
import { deepestIn } from './nesting.js';
import type { Place, PolicyFile, PolicyFlaw } from './source.js';
import { Source } from './source.js';

export type { Place, PolicyFile, PolicyFlaw } from './source.js';

export interface ParsedPolicy {
  readonly place: Place;
  /** Which of its file, from 1. */
  readonly nth: number;
  readonly json: PolicyJson;
}

export interface ParsedPolicies {
  readonly policies: readonly ParsedPolicy[];
  readonly mistakes: readonly PolicyFlaw[];
  readonly warnings: readonly PolicyFlaw[];
}

/** Not before it is needed: four megabytes, which a broker without policies never reads. */
const reference = (): typeof Cedar =>
  createRequire(import.meta.url)('@cedar-policy/cedar-wasm/nodejs') as typeof Cedar;

/**
 * Each file by itself: a mistake in one does not hide those of another. Only where the reference fell over one it can
 * read no more.
 */
export function parsePolicies(files: readonly PolicyFile[], schema: string): ParsedPolicies {
  const cedar = reference();
  const parsed: ParsedPolicies[] = [];
  for (const file of files) {
    const source = new Source(file);
    const { at, message } = deepestIn(file.text);
    if (message !== undefined) {
      parsed.push(mistaken([{ ...source.placeAt(at), message }]));
      continue;
    }
    try {
      parsed.push(parseFile(cedar, file, schema));
    } catch (error) {
      // What WASM throws has a class of its own, which the types of Node 20 do not know.
      if (!(error instanceof Error && ['RuntimeError', 'RangeError'].includes(error.name))) throw error;
      const why = `the policies could not be read (${error.message}): is this nested too deeply, or too long?`;
      parsed.push(mistaken([{ ...source.placeAt(at), message: why }]));
      break;
    }
  }
  return {
    policies: parsed.flatMap(({ policies }) => policies),
    mistakes: parsed.flatMap(({ mistakes }) => mistakes),
    warnings: parsed.flatMap(({ warnings }) => warnings),
  };
}

const mistaken = (mistakes: readonly PolicyFlaw[]): ParsedPolicies => ({
  policies: [],
  mistakes,
  warnings: [],
});

const OF_ANYTHING = {
  effect: 'permit',
  principal: { op: 'All' },
  action: { op: 'All' },
  resource: { op: 'All' },
} as const;
const BEFORE = ' when { ';
const BEHIND = ' };';

/** A part of a condition as people write it. The reference writes whole policies only. */
export function expressionText(body: Expr): string {
  const answer = reference().policyToText({ ...OF_ANYTHING, conditions: [{ kind: 'when', body }] });
  if (answer.type === 'failure') throw new Error(answer.errors[0]?.message ?? 'no text');
  return answer.text.slice(answer.text.indexOf(BEFORE) + BEFORE.length, -BEHIND.length);
}

function parseFile(cedar: typeof Cedar, file: PolicyFile, schema: string): ParsedPolicies {
  const source = new Source(file);
  const parts = cedar.policySetTextToParts(file.text);
  if (parts.type === 'failure') return mistaken(parts.errors.flatMap((error) => source.unreadable(error)));
  const [template] = parts.policy_templates;
  if (template !== undefined) {
    const message = 'a template: nothing here fills its slots, so write a policy for each';
    return mistaken([{ ...source.placeOf(template), message }]);
  }
  const answer = cedar.validate({ schema, policies: { staticPolicies: file.text } });
  if (answer.type === 'failure') return mistaken(answer.errors.flatMap((error) => source.unreadable(error)));
  const mistakes = source.flaws(answer.validationErrors);
  const warnings = source.flaws(answer.validationWarnings);
  if (mistakes.length > 0) return { policies: [], mistakes, warnings };
  const policies = inOrder(parts.policies).map((text, index) => {
    const read = cedar.policyToJson(text);
    if (read.type === 'failure')
      throw new Error(`${file.name}: ${read.errors[0]?.message ?? 'no JSON form'}`);
    return { place: source.placeOf(text), nth: index + 1, json: read.json };
  });
  return { policies, mistakes, warnings };
}

/** The reference gives them in the order of the names that it makes up: policy0, policy1, policy10, policy2. */
function inOrder(texts: readonly string[]): string[] {
  const names = texts.map((_, index) => `policy${index}`);
  const position = new Map(names.toSorted().map((name, index) => [name, index]));
  return names.map((name) => texts[position.get(name)!]!);
}
