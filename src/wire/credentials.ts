// Several credentials of one task at once, each asked for as at the token endpoint, and answered by itself.
import { z } from 'zod';
import { authorizationDetails } from './authorization-details.js';
import { tokenResponse } from './token-response.js';

const credentialAsked = z.strictObject({
  audience: z.string().min(1).max(64).optional().describe("The tool's name. Or use `resource`."),
  resource: z.string().min(1).max(2048).optional().describe("The tool's audience URI (RFC 8707)."),
  scope: z
    .string()
    .max(8192)
    .optional()
    .describe('Actions, with spaces between. Absent: all that the task has.'),
  authorization_details: authorizationDetails.optional(),
  requested_expiry: z
    .int()
    .min(1)
    .max(999_999_999)
    .optional()
    .describe('Seconds: the answer may be less, never more.'),
});

export const credentialsBody = z.strictObject({
  credentials: z
    .array(credentialAsked)
    .min(1)
    .max(16)
    .readonly()
    .describe(
      'Decided one after the other: what an earlier one lets the task hold counts for the later ones.',
    ),
});
/** As it is sent. */
export type CredentialsRequest = z.input<typeof credentialsBody>;

const notIssued = z
  .object({
    error: z.string().describe('As the token endpoint would have answered.'),
    error_description: z.string(),
    status: z.int().describe('Its status there.'),
  })
  .describe('Why there is no credential.');
export type NotIssued = z.infer<typeof notIssued>;

export const credentialsView = z
  .object({
    credentials: z
      .array(z.union([tokenResponse, notIssued]))
      .readonly()
      .describe('In the order in which they were asked for.'),
  })
  .describe('What came of each.');
export type CredentialsView = z.infer<typeof credentialsView>;
