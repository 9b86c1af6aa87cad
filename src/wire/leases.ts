// Leases on the wire: never a secret among them.
import { z } from 'zod';
import { isLeaseId } from '../domain/ids.js';
import { LEASE_STATES } from '../domain/lease.js';
import { SELECTOR_KINDS } from '../domain/selector.js';
import { grantedDetails } from './authorization-details.js';
import { pageSize, taskId, timestamp } from './common.js';

export const leaseId = z.string().refine(isLeaseId, 'must be a lease id');

export const listLeasesQuery = z.strictObject({
  agent: z.string().min(1).max(1200).optional(),
  task: taskId.optional(),
  tool: z.string().min(1).max(64).optional(),
  state: z.enum(LEASE_STATES).optional(),
  after: leaseId.optional(),
  limit: pageSize,
});

export const renewBody = z.strictObject({ requested_expiry: z.number().int().positive().optional() });

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
      })
      .exactOptional(),
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
