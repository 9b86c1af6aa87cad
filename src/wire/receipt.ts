// What a receipt says: the claims of the signed statement of how a task ended.
import { z } from 'zod';
import { LEASE_STATES, SURVIVORS } from '../domain/lease.js';
import { OUTCOMES } from '../domain/task.js';
import { timestamp } from './common.js';

const receiptCredential = z
  .object({
    lease_id: z.string(),
    agent: z.string().describe('Who got it.'),
    tool: z.string(),
    plane: z.string(),
    kind: z.string().describe('What kind of credential: `jwt`, say.'),
    revocation: z
      .string()
      .exactOptional()
      .describe(
        'What killing one of this kind is worth: `immediate`, `pushed`, `eventual`, `expiry-only`. Absent: the broker that signs knows the kind no more.',
      ),
    scope: z.string().describe('The actions that it permitted.'),
    issued_at: timestamp('When it was given out.'),
    expires_at: timestamp('When it would have ended by itself.'),
    state: z
      .enum(LEASE_STATES)
      .describe('`irrevocable`: it could not be killed, and may be alive until it expires.'),
    cause: z.string().exactOptional().describe('What ended it: its time (`ttl`), or what a kill named.'),
    requested_at: timestamp('When its end was ordered.').exactOptional(),
    accepted_at: timestamp(
      'When its target had taken that order, where it is in force only some time after.',
    ).exactOptional(),
    confirmed_at: timestamp(
      'When it was known to be dead where it is honoured. Absent: it never was.',
    ).exactOptional(),
    forced: z
      .object({ at: timestamp('When.'), by: z.string(), reason: z.string() })
      .exactOptional()
      .describe(
        'It could not be killed, and somebody has said that it is dead: their word, and no confirmation.',
      ),
    survives: z
      .array(z.enum(SURVIVORS))
      .exactOptional()
      .describe(
        'What its end does not reach: `caller_identity`, a service that answers in spite of it who the credential was; `begun_work`, what it had set going; `service_tokens`, what services that do not ask again had given it; `written_data`, what it had written. Absent: nothing.',
      ),
    policy_digest: z.string().describe('The policies by which it was permitted.'),
  })
  .describe('One credential of the task.');
export type ReceiptCredential = z.infer<typeof receiptCredential>;

export const receiptClaims = z
  .object({
    iss: z.string(),
    sub: z.string().describe('The task.'),
    iat: z.int().describe('When this was signed, in seconds.'),
    task: z.object({
      parent: z.string().exactOptional(),
      orchestrator: z.string().describe('Who opened it.'),
      outcome: z.enum(OUTCOMES),
      reason: z.string().exactOptional().describe('As whoever closed it gave it: text of theirs.'),
      opened_at: timestamp('When it was opened.'),
      closed_at: timestamp('When it was closed.'),
      closed_by: z.string(),
      settled_at: timestamp('When its last credential was accounted for.'),
    }),
    counts: z.record(z.enum(LEASE_STATES), z.int()).readonly().describe('All of its credentials, by state.'),
    credentials: z.array(receiptCredential).describe('In the order in which they were given out.'),
    left_out: z
      .int()
      .describe('How many of those that are counted are not listed: beyond 5,000, or no longer on record.'),
    policy_digests: z.array(z.string()).describe('Of all policies by which any of those was permitted.'),
  })
  .describe('The claims of a receipt.');
export type ReceiptClaims = z.infer<typeof receiptClaims>;

export const receiptToken = z
  .string()
  .describe(
    'A JWT, typ `mayfly-receipt+jwt`, by a key of `/jwks/receipts`: its claims are those of `Receipt`.',
  );
