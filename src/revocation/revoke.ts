// The one path by which a lease is ended before its time: release, RFC 7009, and an operator's kill of any width.
import type { AuditEntry } from '../audit/entry.js';
import type { Broker } from '../broker.js';
import type { LeaseId, TaskId } from '../domain/ids.js';
import type { Lease } from '../domain/lease.js';
import type { VerifiedPrincipal } from '../domain/principal.js';
import { hasRole } from '../domain/principal.js';
import { Refusal } from '../domain/refusal.js';
import type { Revocation } from '../domain/revocation.js';
import type { Selector } from '../domain/selector.js';
import { leaseSelector, selectorText } from '../domain/selector.js';
import type { Kill, LeaseCount } from '../store/store.js';

/** How long an answer about a kill may be spent on counting what it killed. */
const COUNT_WITHIN_MS = 20;

export interface Killed {
  readonly revocation: Revocation;
  readonly count: LeaseCount;
}

/** Kills first, counts afterwards: nothing may hold back a kill (invariant 7). */
export async function revoke(
  broker: Broker,
  operator: VerifiedPrincipal,
  kill: Omit<Kill, 'by'>,
  entry: AuditEntry,
): Promise<Killed> {
  if (kill.select.kind === 'lease') entry.facts.leaseId = kill.select.name;
  if (kill.select.kind === 'task') entry.facts.taskId = kill.select.name;
  entry.learn({
    ...(kill.reason !== undefined && { reason: kill.reason }),
    ...(kill.quarantine && { quarantine: true }),
  });
  const revocation = await broker.store.revoke({ ...kill, by: operator.name }, entry);
  const { select } = kill;
  const isOne = select.kind === 'task' || select.kind === 'lease';
  broker.wake(isOne ? { ended: select.name as TaskId | LeaseId } : undefined);
  // A killed key must sign nothing more, and something has to sign in its place. The kill stands in any case.
  if (kill.select.kind === 'key') {
    await broker.keys
      .turn()
      .catch((error: unknown) => broker.report(error, 'no key could take the place of a killed one'));
  }
  return { revocation, count: await broker.store.countSelected(kill.select, revocation, COUNT_WITHIN_MS) };
}

/** What a kill would end, were it asked for now. */
export async function previewRevocation(
  broker: Broker,
  select: Selector,
  entry: AuditEntry,
): Promise<LeaseCount> {
  entry.learn({ select: selectorText(select) });
  return broker.store.countSelected(select);
}

/** Ends a lease of one's own, or for an operator any. Of one that ended before, its end is given again. */
export async function releaseLease(
  broker: Broker,
  principal: VerifiedPrincipal,
  id: LeaseId,
  entry: AuditEntry,
): Promise<Lease | Refusal> {
  entry.facts.leaseId = id;
  const lease = await broker.store.readLease(id);
  if (!lease) return new Refusal('lease_unknown', `no lease ${id}`);
  entry.facts.taskId = lease.taskId;
  entry.facts.tool = lease.tool;
  const own = lease.agent === principal.name;
  if (!own && !hasRole(principal, 'operator'))
    return new Refusal('lease_not_yours', `it belongs to ${lease.agent}`);
  await broker.store.revoke(
    { select: leaseSelector(id), by: principal.name, reason: own ? 'released' : 'revoked' },
    entry,
  );
  broker.wake({ ended: id });
  if (!lease.ended) broker.limits.leaseReleased(lease);
  return (await broker.store.readLease(id)) ?? lease;
}
