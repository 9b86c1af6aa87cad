// Leases on the wire: never a secret among them.
import { z } from 'zod';
import { LEASE_ID, isLeaseId } from '../domain/ids.js';
import { LEASE_STATES } from '../domain/lease.js';
import { SELECTOR_KINDS } from '../domain/selector.js';
import { grantedDetails } from './authorization-details.js';
import { pageSize, taskId, timestamp } from './common.js';

export const leaseId = z
  .string()
  .refine(isLeaseId, 'must be a lease id')
  .meta({ pattern: LEASE_ID.source, examples: ['lease_01m80y37e00j9wav9djnzn0h182t'] });

export const listLeasesQuery = z.strictObject({
  agent: z.string().min(1).max(1200).optional().describe('Of this principal. Agents get their own alone.'),
  task: taskId.optional().describe('Of this task and all below it.'),
  tool: z.string().min(1).max(64).optional(),
  state: z.enum(LEASE_STATES).optional(),
  after: leaseId.optional().describe('`next` of the page before.'),
  limit: pageSize,
});

export const renewBody = z.strictObject({
  requested_expiry: z
    .number()
    .int()
    .positive()
    .optional()
    .describe('Seconds. The answer may be less, never more.'),
});

export const forceLeaseBody = z.strictObject({
  reason: z.string().min(1).max(500).describe('How it is known that the credential is dead.'),
});
export type ForceLeaseRequest = z.input<typeof forceLeaseBody>;

export const revocationClass = z
  .enum(['immediate', 'pushed', 'eventual', 'expiry-only'])
  .describe(
    'When a kill takes effect where the credential is honoured: at once, when verifiers ask or hear of it, seconds later, or not before it expires.',
  );

export const leaseView = z
  .object({
    id: z.string(),
    task_id: z.string(),
    agent: z.string().describe('The principal that it was issued to.'),
    tool: z.string(),
    plane: z.string().describe('What the tool opens: `tool`, `data` or `cloud`.'),
    kind: z.string().describe('The kind of credential, as `jwt`.'),
    revocation: revocationClass,
    audience: z.string().describe("The tool's audience URI."),
    scope: z.string().describe('The actions, with spaces between.'),
    authorization_details: grantedDetails.exactOptional(),
    issued_at: timestamp('When it was issued.'),
    expires_at: timestamp('When it runs out by itself.'),
    cnf: z
      .object({ jkt: z.string().describe('Thumbprint of the key (RFC 7638).') })
      .exactOptional()
      .describe('The key that the credential is bound to (RFC 9449).'),
    single_use: z.literal(true).exactOptional().describe('Good once, through introspection alone.'),
    instance: z
      .string()
      .exactOptional()
      .describe('The one instance that may hold it, as `pod:` and its uid; where the task binds instances.'),
    state: z.enum(LEASE_STATES),
    ended: z
      .object({
        at: timestamp('When it ended.'),
        cause: z
          .enum(['ttl', 'mint_failed', 'mint_unknown', ...SELECTOR_KINDS])
          .describe('Its time, a mint that came to nothing, or the kind of selector that killed it.'),
        name: z.string().exactOptional().describe('What the selector named.'),
        reason: z.string().exactOptional(),
        request_id: z.string().exactOptional().describe('The request that ended it.'),
        forced: z
          .object({
            at: timestamp('When that was said.'),
            by: z.string().describe('The operator who said so.'),
            reason: z.string(),
            request_id: z.string().describe('The request by which it was said.'),
          })
          .exactOptional()
          .describe(
            'It could not be revoked, and is `revoked` by the word of an operator: no target confirmed it.',
          ),
      })
      .exactOptional()
      .describe('How it ended; absent while it lives.'),
    accepted_at: timestamp(
      'When the target had taken the order to end it, where it is dead only some time after that.',
    ).exactOptional(),
    confirmed_at: timestamp('When the target was known to have let go of it.').exactOptional(),
    policy_digest: z.string().describe('The SHA-256 of the policies that permitted it.'),
    request_id: z.string().describe('The request that it was issued by.'),
  })
  .describe('The record of one credential: never the credential.');
export type LeaseView = z.infer<typeof leaseView>;

export const leaseList = z.object({
  leases: z.array(leaseView).describe('Newest first.'),
  next: z
    .string()
    .exactOptional()
    .describe('Give this as `after` for the page that follows; absent on the last.'),
});
export type LeaseList = z.infer<typeof leaseList>;
