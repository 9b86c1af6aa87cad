// Checks what came over the wire against its schema, and says all that is wrong with it.
import type { z } from 'zod';
import type { Flaw } from '../domain/refusal.js';
import { Refusal } from '../domain/refusal.js';

/** The value as the schema reads it, or a refusal that names every flaw. */
export function parse<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> | Refusal {
  const read = schema.safeParse(value);
  if (read.success) return read.data;
  const flaws = flawsOf(read.error);
  return new Refusal(
    'request_malformed',
    flaws.map(({ at, message }) => (at ? `${at}: ${message}` : message)).join('; '),
    flaws,
  );
}

export const flawsOf = (error: z.ZodError): Flaw[] =>
  error.issues.map((issue) => ({ at: pathText(issue.path), message: issue.message }));

/** `tools[0].actions`, as a person would point at it. */
const pathText = (path: readonly PropertyKey[]): string =>
  path.reduce<string>(
    (text, step) =>
      typeof step === 'number' ? `${text}[${step}]` : text ? `${text}.${String(step)}` : String(step),
    '',
  );
