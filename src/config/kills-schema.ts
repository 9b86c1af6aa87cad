// How credentials are killed at their targets, as the file writes it.
import { z } from 'zod';

const ATTEMPTS_WANTED = 'must be a whole number from 1 to 100';

export const killsSchema = z.strictObject({
  attempts: z
    .int(ATTEMPTS_WANTED)
    .min(1, ATTEMPTS_WANTED)
    .max(100, ATTEMPTS_WANTED)
    .prefault(6)
    .describe(
      'how often a kill is tried at its target before somebody has to look; pauses grow up to 5 minutes',
    ),
});
