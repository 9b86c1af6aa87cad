// A credential that is made at a target: reserve, mint, activate, so that whatever crashes leaves a lease to find it by.
import type { AuditEntry } from '../audit/entry.js';
import type { Broker } from '../broker.js';
import { Refusal } from '../domain/refusal.js';
import { ContextChanged } from '../domain/tree-context.js';
import { answerWithin } from '../minters/answer-within.js';
import type { ExternalMinter, Minted } from '../minters/minter.js';
import type { LanePlace } from '../minters/targets.js';
import type { Decided, IssuedCredential } from './issued.js';
import { leaseRequest } from './issued.js';

/** How soon whoever asked may try again. */
const MINT_AGAIN_MS = 1000;

/**
 * In a place of its own at the tool's target, which is asked for first: what cannot be minted now needs no lease. A mint
 * that takes longer than its deadline is left to itself, like one whose answer was lost.
 */
export async function mintExternal(
  broker: Broker,
  minter: ExternalMinter,
  decided: Decided,
  entry: AuditEntry,
): Promise<IssuedCredential | ContextChanged | Refusal> {
  const place = await broker.targets.placeForMint(decided.grant.tool.name);
  if (place instanceof Refusal) return place;
  try {
    return await mintIn(place, broker, minter, decided, entry);
  } finally {
    place.leave();
  }
}

async function mintIn(
  place: LanePlace,
  broker: Broker,
  minter: ExternalMinter,
  decided: Decided,
  entry: AuditEntry,
): Promise<IssuedCredential | ContextChanged | Refusal> {
  const { mintDeadlineMs } = minter;
  const reserved = await broker.store.reserveLease({ ...leaseRequest(decided), mintDeadlineMs }, entry);
  if (reserved instanceof Refusal || reserved instanceof ContextChanged) return reserved;

  let minted: Minted;
  try {
    minted = await place.work(reserved.id, mintDeadlineMs, () => minter.mint(reserved, decided.grant));
  } catch (error) {
    // Nobody knows what became of it: it is killed now, and once more when it can no longer come to be.
    await broker.store.abandonLease(reserved.id, 'mint_unknown', entry);
    broker.wake({ ended: reserved.id });
    broker.report(error, `a mint at the target of ${reserved.tool} failed`);
    return new Refusal('target_unavailable', 'the mint failed', [], { retryAfterMs: MINT_AGAIN_MS });
  }

  const lease = await broker.store.activateLease(reserved.id, {}, entry);
  if (lease instanceof Refusal) {
    // Here and now, whatever is due for it: a store that has lost the reservation has nothing to find it by, and where we
    // were stopped for longer than a mint may take, its lease was settled before it came to be.
    await answerWithin(mintDeadlineMs, minter.revoke(reserved)).catch((error: unknown) =>
      broker.report(
        error,
        `what was minted for ${reserved.id}, and may not be handed out, could not be killed`,
      ),
    );
    broker.wake({ ended: reserved.id });
    return lease;
  }
  return { lease, minted, revocation: minter.class, expiresAt: lease.expiresAt };
}
