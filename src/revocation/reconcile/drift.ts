// Where a target and the store differ: credentials that have no live lease, and live leases that have no credential.
import type { LeaseId, TaskId } from '../../domain/ids.js';
import type { Lease } from '../../domain/lease.js';
import type { Store } from '../../store/store.js';

/** Looked up beside each other: the store has others to answer. */
const LOOKED_UP_AT_A_TIME = 32;

/** A credential without a lease, or with one that is dead for good. */
export interface Orphan {
  readonly id: LeaseId;
  readonly lease: Lease | undefined;
}

export interface Drift {
  /** How many credentials of ours the target holds. */
  readonly listed: number;
  readonly orphans: readonly Orphan[];
  /** Active leases without a credential. */
  readonly missing: readonly { readonly id: LeaseId; readonly taskId: TaskId }[];
}

export type DriftStore = Pick<Store, 'readLease' | 'activeAtTarget' | 'asOf'>;

/** A tool at its target, as it is listed now. */
export interface Listing {
  readonly tool: string;
  readonly kind: string;
  readonly list: () => AsyncIterable<LeaseId>;
}

/**
 * The order of the looks makes it true while credentials come, and go, and leases end:
 *
 * 1. The active leases are read first, then the target is listed, then those without a credential are read once more.
 *    A lease is active only when its credential is there, and is no longer active before anybody kills it: one that was
 *    active before the listing, and is after it, has no credential because somebody else took that away.
 * 2. Each credential's lease is looked up after the listing that has it. Its lease was on record before it came to be
 *    (invariant 2), so one that is being made meanwhile is never without.
 * 3. Whatever seems to have no live lease is listed once more: it may have been killed, settled and forgotten between
 *    the two looks. What is there after its lease was seen dead is what nobody will come for.
 * 4. Before anything is concluded from what the store does not have, it proves that it was the store: a server that was
 *    replaced without knowing it would not have what its successor was told.
 *
 * An error is no absence: a store that cannot be read, or a target that breaks off, ends the comparison.
 *
 * @throws what the store or the target throws
 */
export async function findDrift(store: DriftStore, { tool, kind, list }: Listing): Promise<Drift> {
  const active: LeaseId[] = [];
  for await (const some of store.activeAtTarget(tool))
    active.push(...some.filter((lease) => lease.kind === kind).map(({ id }) => id));
  const listed = await setOf(list());
  const seen = await lookedUp(store, [...listed]);
  const suspects = seen.filter(({ lease }) => !mayHaveCredential(lease));
  const unseen = await lookedUp(
    store,
    active.filter((id) => !listed.has(id)),
  );
  const missing = unseen.flatMap(({ lease }) => (lease?.state === 'active' ? [lease] : []));
  if (suspects.length + missing.length > 0) await store.asOf();
  const still = suspects.length === 0 ? listed : await setOf(list());
  return { listed: listed.size, orphans: suspects.filter(({ id }) => still.has(id)), missing };
}

/**
 * Of a lease that is revoking the sweeper has its credential killed; of an irrevocable one a human knows, who has it
 * tried again: killed from here, the record would go on saying that it lives.
 */
const mayHaveCredential = (lease: Lease | undefined): boolean =>
  lease !== undefined && lease.state !== 'revoked' && lease.state !== 'expired';

async function setOf(ids: AsyncIterable<LeaseId>): Promise<ReadonlySet<LeaseId>> {
  const set = new Set<LeaseId>();
  for await (const id of ids) set.add(id);
  return set;
}

async function lookedUp(store: DriftStore, ids: readonly LeaseId[]): Promise<Orphan[]> {
  const found: Orphan[] = [];
  for (let at = 0; at < ids.length; at += LOOKED_UP_AT_A_TIME) {
    const some = ids.slice(at, at + LOOKED_UP_AT_A_TIME);
    found.push(...(await Promise.all(some.map(async (id) => ({ id, lease: await store.readLease(id) })))));
  }
  return found;
}
