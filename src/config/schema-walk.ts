// Looks up what the schema knows of a place in the file: the keys that may stand there, and what they are for.
import { z } from 'zod';
import type { Path } from './mistakes.js';

interface Definition {
  readonly type: string;
  readonly innerType?: z.core.$ZodType;
  readonly in?: z.core.$ZodType;
  readonly options?: readonly z.core.$ZodType[];
  readonly shape?: Readonly<Record<string, z.core.$ZodType>>;
  readonly valueType?: z.core.$ZodType;
  readonly element?: z.core.$ZodType;
}

const definitionOf = (schema: z.core.$ZodType): Definition => schema._zod.def;

/** The schema and everything that it wraps or chooses from, outermost first. */
function layersOf(schema: z.core.$ZodType): z.core.$ZodType[] {
  const { innerType, in: input, options } = definitionOf(schema);
  const inner = [innerType, input, ...(options ?? [])].filter((one) => one !== undefined);
  return [schema, ...inner.flatMap(layersOf)];
}

function layersAt(schema: z.core.$ZodType, path: Path): z.core.$ZodType[] {
  let layers = layersOf(schema);
  for (const step of path) {
    layers = layers.flatMap((layer) => {
      const { type, shape, valueType, element } = definitionOf(layer);
      const next =
        type === 'object' && shape && Object.hasOwn(shape, step) ? shape[step] : (valueType ?? element);
      return next ? layersOf(next) : [];
    });
  }
  return layers;
}

/**
 * What may stand in the mapping at this path, by its key: one schema for each form of the mapping that has it.
 * Where the mapping says which form it has, as `kind` does, the other forms are left out.
 */
export function membersAt(
  schema: z.core.$ZodType,
  path: Path,
  mapping: unknown,
): ReadonlyMap<string, readonly z.core.$ZodType[]> {
  const shapes = layersAt(schema, path)
    .map((layer) => definitionOf(layer).shape)
    .filter((shape) => shape !== undefined);
  const meant = shapes.filter((shape) => isMeant(shape, mapping));
  const members = new Map<string, z.core.$ZodType[]>();
  for (const [key, member] of (meant.length > 0 ? meant : shapes).flatMap((shape) => Object.entries(shape))) {
    if (!isNever(member)) members.set(key, [...(members.get(key) ?? []), member]);
  }
  return members;
}

const isMeant = (shape: NonNullable<Definition['shape']>, mapping: unknown): boolean =>
  Object.entries(shape).every(
    ([key, member]) =>
      definitionOf(member).type !== 'literal' ||
      z.safeParse(member, (mapping as Record<string, unknown> | undefined)?.[key]).success,
  );

/** A key that is in the schema only to say in its own words why it may not stand there. */
const isNever = (schema: z.core.$ZodType): boolean =>
  layersOf(schema).some((layer) => definitionOf(layer).type === 'never');

/** The schema of the value at this path, where there is one. */
export const schemaAt = (schema: z.core.$ZodType, path: Path): z.core.$ZodType | undefined =>
  layersAt(schema, path)[0];

/** What the value at this path is for, in the schema's words: by the form of the mapping that it stands in, or should. */
export function purposeOf(schema: z.core.$ZodType, path: Path, mapping: unknown): string | undefined {
  const [meant] = membersAt(schema, path.slice(0, -1), mapping).get(String(path.at(-1))) ?? [];
  return (meant ? layersOf(meant) : layersAt(schema, path))
    .map((layer) => z.globalRegistry.get(layer)?.description)
    .find((description) => description !== undefined);
}
