// A credential that we sign ourselves: one transition is the issuance, signing follows it.
import type { AuditEntry } from '../audit/entry.js';
import type { Broker } from '../broker.js';
import type { Grant } from '../domain/grant.js';
import type { VerifiedPrincipal } from '../domain/principal.js';
import { Refusal } from '../domain/refusal.js';
import type { Task } from '../domain/task.js';
import type { SigningMinter } from '../minters/minter.js';
import type { LeaseRequest } from '../store/store.js';
import type { IssuedCredential } from './issue-credential.js';

export async function mintSigned(
  broker: Broker,
  minter: SigningMinter,
  agent: VerifiedPrincipal,
  task: Task,
  grant: Grant,
  entry: AuditEntry,
): Promise<IssuedCredential | Refusal> {
  const request = { ...leaseRequest(agent, task, grant), keyId: minter.keyId() };
  const lease = await broker.store.issueLease(request, entry);
  if (lease instanceof Refusal) return lease;
  return { lease, minted: minter.mint(lease, grant, lease.issuedAt), revocation: minter.class };
}

export const leaseRequest = (agent: VerifiedPrincipal, task: Task, grant: Grant): LeaseRequest => ({
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
  ttlMs: grant.ttlMs,
});
