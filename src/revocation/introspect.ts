// Introspection (RFC 7662): whether a credential is alive at this moment, for those whom it concerns.
import type { AuditEntry } from '../audit/entry.js';
import type { Broker } from '../broker.js';
import type { Lease } from '../domain/lease.js';
import type { VerifiedPrincipal } from '../domain/principal.js';
import { hasRole, reachesTool, rolesOf } from '../domain/principal.js';
import type { CredentialClaims } from '../minters/jwt/jwt-minter.js';
import { ownCredential } from './own-credential.js';

export type Introspection =
  { readonly active: false } | ({ readonly active: true; readonly token_type: string } & CredentialClaims);

const INACTIVE: Introspection = { active: false };

/** Unknown, expired, revoked, or not for you: all the same answer (§2.2). The record has which. */
export async function introspect(
  broker: Broker,
  verifier: VerifiedPrincipal,
  token: string,
  entry: AuditEntry,
): Promise<Introspection> {
  const inactive = (why: string): Introspection => {
    entry.learn({ active: false, why });
    return INACTIVE;
  };
  const claims = ownCredential(broker, token);
  if (!claims) return inactive('not a credential of ours');
  entry.facts.leaseId = claims.jti;
  entry.facts.taskId = claims.task_id;
  entry.facts.tool = claims.tool;
  const uses = reachesTool(rolesOf(verifier, 'verifier'), claims.tool);
  if (!uses && !hasRole(verifier, 'operator')) {
    return inactive(`tool ${claims.tool} is not the caller's`);
  }
  const [lease, now] = await Promise.all([broker.store.readLease(claims.jti), broker.store.now()]);
  if (!lease) return inactive('no such lease');
  if (!says(claims, lease)) return inactive('it does not say what its lease says');
  if (lease.state !== 'active') return inactive(`the lease is ${lease.state}`);
  if (claims.exp * 1000 <= now) return inactive('this credential of the lease has expired');
  // Looking at it is an operator's to do; using it is not.
  if (lease.singleUse && uses && !(await broker.store.once(`used:${lease.id}`, lease.expiresAt)))
    return inactive('it is for single use, and was used');
  entry.learn({ active: true, ...(lease.singleUse && { used: uses }) });
  return { active: true, token_type: lease.jkt === undefined ? 'Bearer' : 'DPoP', ...claims };
}

/** Whoever got hold of a key of ours could sign anything: what is not on record is not alive. */
const says = (claims: CredentialClaims, lease: Lease): boolean =>
  claims.sub === lease.agent &&
  claims.task_id === lease.taskId &&
  claims.tool === lease.tool &&
  claims.plane === lease.plane &&
  claims.aud === lease.audience &&
  claims.cnf?.jkt === lease.jkt &&
  claims.single_use === lease.singleUse &&
  claims.scope === lease.actions.join(' ');
