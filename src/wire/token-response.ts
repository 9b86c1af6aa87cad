// What the token endpoint answers (RFC 8693 §2.2.1), with what Mayfly adds; and introspection (RFC 7662 §2.2).
import { z } from 'zod';
import { grantedDetails } from './authorization-details.js';
import { revocationClass } from './leases.js';

export const tokenResponse = z
  .object({
    access_token: z.string().describe('The credential.'),
    issued_token_type: z.string().describe('What it is (RFC 8693 §3).'),
    token_type: z
      .enum(['Bearer', 'DPoP', 'N_A'])
      .describe('How it is shown: `DPoP` with a proof (RFC 9449).'),
    expires_in: z.int().describe('Seconds, rounded down.'),
    scope: z.string().describe('The actions that were granted, with spaces between.'),
    authorization_details: grantedDetails.exactOptional(),
    single_use: z
      .literal(true)
      .exactOptional()
      .describe('Good once: the tool has to ask the broker about it (RFC 7662).'),
    lease_id: z.string().describe('Names the record of this credential.'),
    task_id: z.string().describe('It dies with this task.'),
    revocation: revocationClass,
  })
  .describe('A credential of one task, one agent and one tool.');
export type TokenResponse = z.infer<typeof tokenResponse>;
