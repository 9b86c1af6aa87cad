// JSON Schema of the configuration file, for editors: what `config/mayfly.schema.json` holds.
import { z } from 'zod';
import { configurationSchema } from './schema.js';

/** Keys that we know only to refuse them in better words: an editor should not offer them. */
function withoutRefused({ jsonSchema }: { jsonSchema: z.core.JSONSchema.BaseSchema }): void {
  if (jsonSchema.additionalProperties !== false) return;
  for (const [name, member] of Object.entries(jsonSchema.properties ?? {})) {
    if (typeof member === 'object' && member.not) delete jsonSchema.properties?.[name];
  }
}

/** Draft 7 is what editors know best. Says what may be written; defaults stand as people would write them. */
export const configurationJsonSchema = {
  title: 'Mayfly configuration',
  ...z.toJSONSchema(configurationSchema, { target: 'draft-7', io: 'input', override: withoutRefused }),
};
