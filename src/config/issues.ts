// From what the schema objects to, to mistakes that stand at a line and say what to change.
import { z } from 'zod';
import type { Mistake, Path } from './mistakes.js';
import { nearest } from './nearest.js';
import { knownKeys, purposeOf, schemaAt } from './schema-walk.js';
import type { YamlSource } from './source.js';

const KIND_NAMES: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a mapping of keys to values',
  record: 'a mapping of keys to values',
  array: 'a list',
};

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return 'empty';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'boolean') return String(value);
  return KIND_NAMES[typeof value] ?? typeof value;
}

/** The message where the schema has none of its own. */
function messageOf(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code === 'invalid_type')
    return `must be ${KIND_NAMES[issue.expected] ?? issue.expected}, not ${kindOf(issue.input)}`;
  if (issue.code !== 'invalid_value') return undefined;
  const values = issue.values.map(String);
  const wanted = values.length === 1 ? `must be ${values[0]}` : `must be one of ${values.join(', ')}`;
  const meant = typeof issue.input === 'string' ? nearest(issue.input, values) : undefined;
  return meant !== undefined && values.length > 1 ? `${wanted}: did you mean ${meant}?` : wanted;
}

/** Every mistake that the schema finds in the file; and the configuration, where there is none. */
export function checkAgainst<Schema extends z.ZodType>(
  schema: Schema,
  source: YamlSource,
): { readonly data?: z.output<Schema>; readonly mistakes: readonly Mistake[] } {
  if (source.value === null || source.value === undefined)
    return { mistakes: [source.mistake([], 'the file is empty')] };
  const parsed = schema.safeParse(source.value, { error: messageOf });
  if (parsed.success) return { data: parsed.data, mistakes: [] };
  return { mistakes: parsed.error.issues.flatMap((issue) => mistakesOf(issue, [], schema, source)) };
}

function mistakesOf(issue: z.core.$ZodIssue, before: Path, schema: z.ZodType, source: YamlSource): Mistake[] {
  const path = [...before, ...(issue.path as (string | number)[])];
  const within = (issues: readonly z.core.$ZodIssue[]) =>
    issues.flatMap((inner) => mistakesOf(inner, path, schema, source));
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) =>
      source.keyMistake([...path, key], unknownKey(key, knownKeys(schema, path))),
    );
  }
  if (issue.code === 'invalid_key') {
    // The schema stops at such a key; what stands under it may be wrong as well.
    const under = schemaAt(schema, path);
    const parsed = under && z.safeParse(under, source.read(path), { error: messageOf });
    const mistakes = issue.issues.map(({ message }) => source.keyMistake(path, message));
    return [...mistakes, ...within(parsed?.error?.issues ?? [])];
  }
  if (issue.code === 'invalid_union') {
    const branch = meantBranch(issue.errors);
    if (branch) return within(branch);
  }
  return [source.mistake(path, source.has(path) ? issue.message : missing(purposeOf(schema, path)))];
}

const missing = (purpose: string | undefined): string =>
  purpose === undefined ? 'is missing' : `is missing: ${purpose}`;

function unknownKey(key: string, known: readonly string[]): string {
  const meant = nearest(key, known);
  return meant === undefined
    ? `is not known: known here are ${known.join(', ')}`
    : `is not known: did you mean ${meant}?`;
}

/** Of the forms that a value may take, the one whose outer kind fits: what is wrong within it is what was meant. */
function meantBranch(branches: readonly z.core.$ZodIssue[][]): z.core.$ZodIssue[] | undefined {
  const fitting = branches.filter((issues) => !issues.some(isOfOtherKind));
  return fitting.length === 1 ? fitting[0] : undefined;
}

const isOfOtherKind = (issue: z.core.$ZodIssue): boolean =>
  issue.path.length === 0 &&
  (issue.code === 'invalid_type' ||
    (issue.code === 'invalid_union' && meantBranch(issue.errors) === undefined));
