// What issuance hands out, and the lease that it asks for first, whatever the kind of credential.
import type { Grant } from '../domain/grant.js';
import type { Lease, RevocationClass } from '../domain/lease.js';
import type { VerifiedPrincipal } from '../domain/principal.js';
import { Refusal } from '../domain/refusal.js';
import type { Task } from '../domain/task.js';
import type { DecisionBasis } from '../domain/tree-context.js';
import { ContextChanged } from '../domain/tree-context.js';
import type { Minted } from '../minters/minter.js';
import type { DecidedOn, LeaseRequest } from '../store/store.js';
import type { Binding } from './binding.js';

export interface IssuedCredential {
  readonly lease: Lease;
  readonly minted: Minted;
  readonly revocation: RevocationClass;
  /** The end of this credential, which of a renewed lease may come before the lease's. Milliseconds. */
  readonly expiresAt: number;
}

/** What comes of an attempt. */
export type Issuing = IssuedCredential | ContextChanged | Refusal;

export const isIssued = (result: Issuing): result is IssuedCredential =>
  !(result instanceof Refusal || result instanceof ContextChanged);

/** The context that was decided on, and what is kept of the decision. */
export interface Basis extends DecidedOn {
  readonly kept: DecisionBasis;
}

/** What issuance was decided on, and with what outcome. */
export interface Decided {
  readonly agent: VerifiedPrincipal;
  readonly task: Task;
  readonly grant: Grant;
  readonly binding: Binding;
  /** Where policies were asked. */
  readonly basis?: Basis;
}

type Writable<T> = { -readonly [Member in keyof T]: T[Member] };

/** Member by member: a copy with one member more takes microseconds, and so does all that is read from it. */
export function leaseRequest(
  { agent, task, grant, binding, basis }: Decided,
  signed?: { readonly keyId: string; readonly listed: boolean },
): LeaseRequest {
  const { tool } = grant;
  const request: Writable<LeaseRequest> = {
    taskId: task.id,
    agent: agent.name,
    actors: [],
    trust: agent.trust,
    tool: tool.name,
    plane: tool.plane,
    kind: tool.credential.kind,
    audience: tool.audience,
    actions: grant.actions,
    policyDigest: grant.policyDigest,
    ttlMs: grant.ttlMs,
  };
  if (signed) request.keyId = signed.keyId;
  if (signed?.listed) request.listed = true;
  if (grant.details) request.details = grant.details;
  if (binding.jkt !== undefined) request.jkt = binding.jkt;
  if (binding.instance !== undefined) request.instance = binding.instance;
  if (grant.singleUse) request.singleUse = true;
  if (basis) {
    request.basis = basis.kept;
    request.decidedOn = basis;
  }
  if (binding.bindsInstance) request.bindsInstance = binding.bindsInstance;
  return request;
}
