// Ends the leases whose credentials a target has ended in passing, because it could not name those that were to be killed.
import { AuditEntry } from '../audit/entry.js';
import type { Broker } from '../broker.js';
import { requestId } from '../domain/ids.js';
import type { Lease } from '../domain/lease.js';
import { leaseSelector } from '../domain/selector.js';

const PER_PAGE = 200;

export interface CutOffCredentials {
  readonly kind: string;
  /** What was issued before, by our clock, in milliseconds. */
  readonly before: number;
  isAmong(lease: Lease): Promise<boolean>;
}

/** An active lease would promise its holder, and whoever asks, what is over. Resolves with how many ended. */
export async function endCutOff(
  { store, wake }: Pick<Broker, 'store' | 'wake'>,
  cutOff: CutOffCredentials,
): Promise<number> {
  let ended = 0;
  for (let after: string | undefined; ;) {
    const page = await store.listLeases({
      state: 'active',
      limit: PER_PAGE,
      ...(after !== undefined && { after }),
    });
    for (const lease of page) {
      if (lease.kind !== cutOff.kind || lease.issuedAt >= cutOff.before) continue;
      if (!(await cutOff.isAmong(lease))) continue;
      const { taskId, tool, id } = lease;
      const entry = new AuditEntry(requestId(await store.now()), 'revocation.create', {
        taskId,
        tool,
        leaseId: id,
      });
      await store.revoke({ select: leaseSelector(id), by: 'mayfly', reason: 'cut_off' }, entry);
      ended++;
    }
    after = page.at(-1)?.id;
    if (page.length < PER_PAGE) break;
  }
  if (ended > 0) wake();
  return ended;
}
