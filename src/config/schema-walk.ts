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

/** The keys that may stand in the mapping at this path. */
export const knownKeys = (schema: z.core.$ZodType, path: Path): string[] =>
  layersAt(schema, path).flatMap((layer) => Object.keys(definitionOf(layer).shape ?? {}));

/** The schema of the value at this path, where there is one. */
export const schemaAt = (schema: z.core.$ZodType, path: Path): z.core.$ZodType | undefined =>
  layersAt(schema, path)[0];

/** What the value at this path is for, in the schema's words. */
export const purposeOf = (schema: z.core.$ZodType, path: Path): string | undefined =>
  layersAt(schema, path)
    .map((layer) => z.globalRegistry.get(layer)?.description)
    .find((description) => description !== undefined);
