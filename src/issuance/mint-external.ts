// A credential that is made at a target: reserve, mint, activate, so that whatever crashes leaves a lease to find it by.
import type { AuditEntry } from '../audit/entry.js';
import type { Broker } from '../broker.js';
import { Refusal } from '../domain/refusal.js';
import { ContextChanged } from '../domain/tree-context.js';
import type { ExternalMinter, Minted } from '../minters/minter.js';
import type { Decided, IssuedCredential } from './issued.js';
import { leaseRequest } from './issued.js';

export async function mintExternal(
  broker: Broker,
  minter: ExternalMinter,
  decided: Decided,
  entry: AuditEntry,
): Promise<IssuedCredential | ContextChanged | Refusal> {
  const request = { ...leaseRequest(decided), mintDeadlineMs: minter.mintDeadlineMs };
  const reserved = await broker.store.reserveLease(request, entry);
  if (reserved instanceof Refusal || reserved instanceof ContextChanged) return reserved;

  let minted: Minted;
  try {
    minted = await minter.mint(reserved, decided.grant);
  } catch (error) {
    // Nobody knows what became of it: it is killed now, and once more when it can no longer come to be.
    await broker.store.abandonLease(reserved.id, 'mint_unknown', entry);
    broker.wake();
    throw error;
  }

  const lease = await broker.store.activateLease(reserved.id, {}, entry);
  if (lease instanceof Refusal) {
    // A store that has lost the reservation has nothing to find the credential by: it is killed here and now.
    if (lease.reason === 'lease_unknown') await minter.revoke(reserved);
    broker.wake();
    return lease;
  }
  return { lease, minted, revocation: minter.class, expiresAt: lease.expiresAt };
}
