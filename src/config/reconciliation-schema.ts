// How often targets are compared with the store, as the file writes it.
import { z } from 'zod';
import { duration } from './values.js';

export const reconciliationSchema = z.strictObject({
  every: duration('0s', '1d')
    .prefault('10m')
    .describe(
      'how often each broker kills what targets hold under our names without a live lease; 0s: only when an operator asks',
    ),
});
