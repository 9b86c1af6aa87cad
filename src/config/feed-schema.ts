// How verifiers are told of kills, as the file writes it.
import { z } from 'zod';
import { duration } from './values.js';

export const feedSchema = z.strictObject({
  heartbeat: duration('100ms', '30s')
    .prefault('1s')
    .describe(
      'how often verifiers are told that nothing is missing; they take no credential long after it fails to come',
    ),
});
