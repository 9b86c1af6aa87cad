// Token revocation (RFC 7009): the agent gives a credential back by showing it.
import type { AuditEntry } from '../audit/entry.js';
import type { Broker } from '../broker.js';
import type { VerifiedPrincipal } from '../domain/principal.js';
import { Refusal } from '../domain/refusal.js';
import { ownCredential } from './own-credential.js';
import { releaseLease } from './revoke.js';

/** Says nothing of what it found: a token that is unknown or not the caller's is left alone, and answered alike (§2.2). */
export async function revokeToken(
  broker: Broker,
  principal: VerifiedPrincipal,
  token: string,
  entry: AuditEntry,
): Promise<Refusal | undefined> {
  const claims = ownCredential(broker, token);
  if (!claims) {
    entry.learn({ revoked: false, why: 'not a credential of ours' });
    return undefined;
  }
  const released = await releaseLease(broker, principal, claims.jti, entry);
  return released instanceof Refusal ? released : undefined;
}
