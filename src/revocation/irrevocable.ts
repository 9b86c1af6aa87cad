// What an operator does about a credential that could not be killed: has it tried again, or says that it is dead.
import type { AuditEntry } from '../audit/entry.js';
import type { Broker } from '../broker.js';
import type { LeaseId } from '../domain/ids.js';
import type { Lease } from '../domain/lease.js';
import type { VerifiedPrincipal } from '../domain/principal.js';
import type { Refusal } from '../domain/refusal.js';

/** It is due at once, with all its attempts before it. Whether it dies of that is for its target to say. */
export async function retryLease(broker: Broker, id: LeaseId, entry: AuditEntry): Promise<Lease | Refusal> {
  await learnOf(broker, id, entry);
  const lease = await broker.store.retryLease(id, entry);
  broker.wake();
  return lease;
}

/** Nothing is asked of the target: the record says whose word it is, and why. */
export async function forceLease(
  broker: Broker,
  operator: VerifiedPrincipal,
  { id, reason }: { readonly id: LeaseId; readonly reason: string },
  entry: AuditEntry,
): Promise<Lease | Refusal> {
  await learnOf(broker, id, entry);
  entry.learn({ reason });
  return broker.store.forceLease(id, { by: operator.name, reason }, entry);
}

async function learnOf(broker: Broker, id: LeaseId, entry: AuditEntry): Promise<void> {
  entry.facts.leaseId = id;
  const lease = await broker.store.readLease(id);
  if (!lease) return;
  entry.facts.taskId = lease.taskId;
  entry.facts.tool = lease.tool;
}
