// Introspection on the wire (RFC 7662 §2.2).
import { z } from 'zod';
import { grantedDetails } from './authorization-details.js';

const seconds = (description: string) => z.int().describe(`${description} Seconds since 1970.`);

const inactive = z
  .object({ active: z.literal(false) })
  .describe("Unknown, expired, revoked, or not the caller's: which of them is in the audit log alone.");

const active = z
  .object({
    active: z.literal(true),
    token_type: z.enum(['Bearer', 'DPoP']),
    iss: z.string(),
    sub: z.string().describe('The agent.'),
    aud: z.string().describe("The tool's audience URI."),
    exp: seconds('When it expires.'),
    iat: seconds('When it was issued.'),
    nbf: seconds('Not good before.'),
    jti: z.string().describe('The lease.'),
    client_id: z.string().describe('The agent.'),
    scope: z.string().describe('The actions, with spaces between.'),
    task_id: z.string(),
    tool: z.string(),
    plane: z.string(),
    authorization_details: grantedDetails.exactOptional(),
    single_use: z
      .literal(true)
      .exactOptional()
      .describe('It was good once, and this answer to a verifier was that: asked again, it is not active.'),
    trust: z
      .string()
      .exactOptional()
      .describe('The trusted issuer by its name here, where `sub` (a SPIFFE ID) does not begin with it.'),
    status: z
      .object({ status_list: z.object({ idx: z.int(), uri: z.string() }) })
      .exactOptional()
      .describe('Where a list tells whether it is dead (Token Status List).'),
    cnf: z
      .object({ jkt: z.string().describe("The key's thumbprint (RFC 7638).") })
      .exactOptional()
      .describe('The key whose proof must come with it (RFC 9449 §6).'),
  })
  .describe('A credential that is alive.');

export const introspection = z.union([active, inactive]);
