// Issues in a place that was taken for it, and says for how long the place is taken.
import { Refusal } from '../domain/refusal.js';
import type { Place } from '../limits/occupancy.js';
import type { IssuedCredential } from './issued.js';

export async function issueIn(
  place: Place,
  ttlMs: number,
  issue: () => Promise<IssuedCredential | Refusal>,
): Promise<IssuedCredential | Refusal> {
  try {
    const issued = await issue();
    if (issued instanceof Refusal) place.free();
    else place.taken(issued.lease.expiresAt - issued.lease.issuedAt);
    return issued;
  } catch (error) {
    // Nobody knows whether it is on record.
    place.taken(ttlMs);
    throw error;
  }
}
