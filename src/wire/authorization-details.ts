// Authorization details (RFC 9396) of our one type: which resources, and which actions on them.
import { z } from 'zod';
import { AUTHORIZATION_DETAIL_TYPE } from '../domain/grant.js';

/** As they were granted: what was left out when they were asked for is made explicit. */
export const grantedDetails = z
  .array(
    z.object({
      type: z.literal(AUTHORIZATION_DETAIL_TYPE),
      actions: z.array(z.string()).readonly(),
      resources: z.array(z.string()).readonly().describe('Names or globs of the resources.'),
    }),
  )
  .readonly()
  .describe('Which resources, and which actions on them (RFC 9396). Absent: no bound on resources.');

export const authorizationDetails = z
  .array(
    z.strictObject({
      type: z.literal(AUTHORIZATION_DETAIL_TYPE),
      actions: z.array(z.string().min(1).max(128)).min(1).max(64).optional(),
      resources: z
        .array(
          z
            .string()
            .regex(/^[\x21-\x7e]{1,512}$/, 'must be 1 to 512 printable ASCII characters without spaces'),
        )
        .min(1)
        .max(64),
    }),
  )
  .min(1)
  .max(16);
