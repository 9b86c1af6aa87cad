// The receipt: a signed statement of how a task ended, and of what became of every credential that it had.
import type { AuditEntry } from '../audit/entry.js';
import type { Broker } from '../broker.js';
import type { TaskId } from '../domain/ids.js';
import type { Lease } from '../domain/lease.js';
import { isExternal } from '../domain/lease.js';
import { Refusal } from '../domain/refusal.js';
import type { Task, TaskClosing } from '../domain/task.js';
import { composeCompact } from '../jws/compact.js';
import { signSync } from '../jws/signature.js';
import type { KeyRing } from '../keys/key-ring.js';
import type { LeaseCounts } from '../store/store.js';

/** RFC 8725 §3.11: nothing else that we sign passes as a receipt, and a receipt as nothing else. */
export const RECEIPT_TYPE = 'mayfly-receipt+jwt';

/** A list that a reader takes in one piece: some two megabytes. Those beyond it are counted. */
const MOST_LISTED = 5000;
const PER_PAGE = 200;

export type SettledTask = Task & { readonly closed: TaskClosing; readonly settledAt: number };

export interface Receipt {
  readonly task: SettledTask;
  readonly counts: LeaseCounts;
  /** Oldest first. */
  readonly leases: readonly Lease[];
  /** On record no more, or too many. */
  readonly leftOut: number;
}

/** Refuses (`task_not_settled`) while something of the task's is alive, or not known to be dead. */
export async function receiptOf(
  { store }: Pick<Broker, 'store'>,
  task: Task,
  entry: AuditEntry,
): Promise<Receipt | Refusal> {
  if (!isSettled(task)) return new Refusal('task_not_settled', `it is ${task.state}`);
  const counts = await store.countLeases(task.id);
  const all = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const most = Math.min(all, MOST_LISTED);
  const leases: Lease[] = [];
  // No further than to the last of its own: those of tasks below it are many more.
  if (most > 0) for await (const lease of leasesOf(store, task.id)) if (leases.push(lease) === most) break;
  entry.learn({ credentials: all });
  leases.sort((a, b) => a.issuedAt - b.issuedAt || (a.id < b.id ? -1 : 1));
  return { task, counts, leases, leftOut: Math.max(0, all - leases.length) };
}

const isSettled = (task: Task): task is SettledTask =>
  task.state === 'settled' && task.closed !== undefined && task.settledAt !== undefined;

/** The task's own: each task below it has a receipt of its own. */
async function* leasesOf(store: Broker['store'], task: TaskId): AsyncGenerator<Lease> {
  for (let after: string | undefined; ;) {
    const page = await store.listLeases({ task, limit: PER_PAGE, ...(after !== undefined && { after }) });
    yield* page.filter(({ taskId }) => taskId === task);
    after = page.at(-1)?.id;
    if (page.length < PER_PAGE) return;
  }
}

/**
 * When it was known to be dead where it is honoured. Of what has no copy at a target, the stored end is the confirmation.
 */
export function confirmedAt({ kind, state, confirmedAt: at, ended, expiresAt }: Lease): number | undefined {
  if (isExternal(kind) || at !== undefined) return at;
  if (state === 'expired') return expiresAt;
  return state === 'revoked' ? ended?.at : undefined;
}

/** By the key for receipts that signs now. */
export function signReceipt(keys: KeyRing, claims: object): string {
  const key = keys.current();
  return composeCompact({ alg: key.algorithm, typ: RECEIPT_TYPE, kid: key.kid }, claims, (input) =>
    signSync(key.algorithm, key.privateKey, input),
  );
}
