// Where the edge asks the limits: before a token is verified, once it is known who calls, and when a refusal is recorded.
import type { AuditEntry } from '../audit/entry.js';
import type { Broker } from '../broker.js';
import type { VerifiedPrincipal } from '../domain/principal.js';
import type { Refusal } from '../domain/refusal.js';
import type { RefusedRequest } from '../limits/limits.js';

/** What the limits are asked by. */
export interface LimitedDoor {
  readonly broker: Pick<Broker, 'limits'>;
  /** Whether the token was verified a moment ago, and is known without being verified again. */
  remembers(token: string): boolean;
}

/**
 * Refuses a token, and the proof that came with it, unseen where too much was refused from its address. Who was known a
 * moment ago is let through: a neighbour who tries tokens does not lock out those who have good ones.
 */
export function heldBack(door: LimitedDoor, entry: AuditEntry, token: string): Refusal | undefined {
  const refusal = door.broker.limits.refusesAddress(addressIn(entry));
  return refusal && !door.remembers(token) ? refusal : undefined;
}

/** One more request of somebody who is known. */
export const overRate = (door: LimitedDoor, { name }: VerifiedPrincipal): Refusal | undefined =>
  door.broker.limits.refusesRequest(name);

/** Whether the refusal is counted in the limits' summary instead of being recorded by itself. */
export function toldInSummary(
  door: Pick<LimitedDoor, 'broker'>,
  entry: AuditEntry,
  refusal: Refusal,
  isKill: boolean,
): boolean {
  const { limits } = door.broker;
  const { requestId, principal } = entry.facts;
  const request: RefusedRequest = { requestId, address: addressIn(entry), ...(principal && { principal }) };
  return isKill ? limits.tellsKillInSummary(refusal, request) : limits.tellsInSummary(refusal, request);
}

/** Written there when the request came: see `newEntry`. */
function addressIn({ facts }: AuditEntry): string {
  const { address } = facts.detail;
  return typeof address === 'string' ? address : '';
}
