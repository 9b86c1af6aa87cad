// Leases on the wire: never a secret among them.
import { z } from 'zod';
import { isLeaseId } from '../domain/ids.js';
import type { LeaseState, RevocationClass } from '../domain/lease.js';
import { LEASE_STATES } from '../domain/lease.js';
import { pageSize, taskId } from './common.js';

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

export interface LeaseView {
  id: string;
  task_id: string;
  agent: string;
  tool: string;
  plane: string;
  kind: string;
  revocation: RevocationClass;
  audience: string;
  scope: string;
  authorization_details?: readonly object[];
  issued_at: string;
  expires_at: string;
  state: LeaseState;
  ended?: { at: string; cause: string; name?: string; reason?: string; request_id?: string };
  confirmed_at?: string;
  policy_digest: string;
  request_id: string;
}

export interface LeaseList {
  leases: LeaseView[];
  next?: string;
}
