// From what the schema objects to, to mistakes that stand at a line and say what to change.
import { z } from 'zod';
import type { Mistake, Path } from './mistakes.js';
import { nearest } from '../domain/nearest.js';
import { membersAt, purposeOf, schemaAt } from './schema-walk.js';
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
  if (issue.code === 'invalid_value') return oneOf(issue.values.map(String), issue.input);
  const kind = issue.code === 'invalid_union' ? kindIssue(issue) : undefined;
  return kind && oneOf(kind.values, (issue.input as Record<string, unknown>)[kind.key]);
}

function oneOf(values: readonly string[], written: unknown): string {
  const wanted = values.length === 1 ? `must be ${values[0]}` : `must be one of ${values.join(', ')}`;
  const meant = typeof written === 'string' ? nearest(written, values) : undefined;
  return meant !== undefined && values.length > 1 ? `${wanted}: did you mean ${meant}?` : wanted;
}

/** Where a mapping does not say which of its forms it has: the key that tells, and what it may say. */
function kindIssue(issue: object): { readonly key: string; readonly values: readonly string[] } | undefined {
  const { discriminator, options } = issue as { discriminator?: string; options?: readonly unknown[] };
  return discriminator === undefined
    ? undefined
    : { key: discriminator, values: (options ?? []).map(String) };
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
  const wrongOrMissing = (): string =>
    source.has(path) ? issue.message : missing(purposeOf(schema, path, source.read(path.slice(0, -1))));
  const within = (issues: readonly z.core.$ZodIssue[]) =>
    issues.flatMap((inner) => mistakesOf(inner, path, schema, source));
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) =>
      source.keyMistake([...path, key], unknownKey(key, membersAt(schema, path, source.read(path)))),
    );
  }
  if (issue.code === 'invalid_key') {
    // The schema stops at such a key; what stands under it may be wrong as well.
    const under = schemaAt(schema, path);
    const parsed = under && z.safeParse(under, source.read(path), { error: messageOf });
    const mistakes = issue.issues.map(({ message }) => source.keyMistake(path, message));
    return [...mistakes, ...within(parsed?.error?.issues ?? [])];
  }
  const kind = issue.code === 'invalid_union' ? kindIssue(issue) : undefined;
  if (kind) {
    const beside = membersOfNoKind(path.slice(0, -1), kind.key, schema, source);
    return [source.mistake(path, wrongOrMissing()), ...beside];
  }
  if (issue.code === 'invalid_union') {
    const branch = meantBranch(issue.errors);
    if (branch) return within(branch);
  }
  return [source.mistake(path, wrongOrMissing())];
}

/** The schema stops where it cannot tell the form of a mapping; what stands beside the kind may be wrong as well. */
function membersOfNoKind(path: Path, kind: string, schema: z.ZodType, source: YamlSource): Mistake[] {
  const mapping = source.read(path) as Record<string, unknown>;
  const members = membersAt(schema, path, mapping);
  return Object.entries(mapping).flatMap(([key, value]) => {
    const forms = members.get(key);
    const at = [...path, key];
    if (!forms) return [source.keyMistake(at, unknownKey(key, members))];
    if (key === kind) return [];
    // What is good in any form may be that of the one that was meant.
    const [first, ...others] = forms.map((form) => z.safeParse(form, value, { error: messageOf }).error);
    return first && others.every((error) => error !== undefined)
      ? first.issues.flatMap((issue) => mistakesOf(issue, at, schema, source))
      : [];
  });
}

const missing = (purpose: string | undefined): string =>
  purpose === undefined ? 'is missing' : `is missing: ${purpose}`;

function unknownKey(key: string, members: ReadonlyMap<string, unknown>): string {
  const known = [...members.keys()];
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
