// A credential that we sign ourselves: one transition is the issuance, signing follows it.
import type { AuditEntry } from '../audit/entry.js';
import type { Broker } from '../broker.js';
import { Refusal } from '../domain/refusal.js';
import { ContextChanged } from '../domain/tree-context.js';
import type { SigningMinter } from '../minters/minter.js';
import type { Decided, IssuedCredential } from './issued.js';
import { leaseRequest } from './issued.js';

export async function mintSigned(
  broker: Broker,
  minter: SigningMinter,
  decided: Decided,
  entry: AuditEntry,
): Promise<IssuedCredential | ContextChanged | Refusal> {
  const { listed } = broker;
  let keyId = minter.keyId();
  let lease = await broker.store.issueLease(leaseRequest(decided, { keyId, listed }), entry);
  if (lease instanceof Refusal && lease.reason === 'key_revoked') {
    // Killed, perhaps at another broker a moment ago: its successor signs.
    await broker.keys.drop(keyId);
    keyId = minter.keyId();
    lease = await broker.store.issueLease(leaseRequest(decided, { keyId, listed }), entry);
  }
  if (lease instanceof Refusal || lease instanceof ContextChanged) return lease;
  const minted = minter.mint(lease, decided.grant, lease.issuedAt);
  if (minted instanceof Refusal) return minted;
  return { lease, minted, revocation: minter.class, expiresAt: lease.expiresAt };
}
