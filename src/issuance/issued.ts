// What issuance hands out, and the lease that it asks for first, whatever the kind of credential.
import type { Grant } from '../domain/grant.js';
import type { Lease, RevocationClass } from '../domain/lease.js';
import type { VerifiedPrincipal } from '../domain/principal.js';
import type { Task } from '../domain/task.js';
import type { Minted } from '../minters/minter.js';
import type { LeaseRequest } from '../store/store.js';
import type { Binding } from './binding.js';

export interface IssuedCredential {
  readonly lease: Lease;
  readonly minted: Minted;
  readonly revocation: RevocationClass;
  /** The end of this credential, which of a renewed lease may come before the lease's. Milliseconds. */
  readonly expiresAt: number;
}

export const leaseRequest = (
  agent: VerifiedPrincipal,
  task: Task,
  grant: Grant,
  binding: Binding,
): LeaseRequest => ({
  taskId: task.id,
  agent: agent.name,
  actors: [],
  trust: agent.trust,
  tool: grant.tool.name,
  plane: grant.tool.plane,
  kind: grant.tool.credential.kind,
  audience: grant.tool.audience,
  actions: grant.actions,
  ...(grant.details && { details: grant.details }),
  policyDigest: grant.policyDigest,
  ...binding,
  ttlMs: grant.ttlMs,
});
