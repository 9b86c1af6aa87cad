// JSON Schema of the configuration file, for editors: what `config/mayfly.schema.json` holds.
import { z } from 'zod';
import { configurationSchema } from './schema.js';

/** Draft 7 is what editors know best. Says what may be written; defaults stand as people would write them. */
export const configurationJsonSchema = {
  title: 'Mayfly configuration',
  ...z.toJSONSchema(configurationSchema, { target: 'draft-7', io: 'input' }),
};
