// After a restored backup: kills all that was issued up to now, and closes the tasks that were open, as it may have revived them.
import { AuditEntry } from '../audit/entry.js';
import type { Broker } from '../broker.js';
import { SECOND_MS } from '../domain/duration.js';
import type { RequestId, TaskId } from '../domain/ids.js';
import { requestId, rootOf } from '../domain/ids.js';
import type { VerifiedPrincipal } from '../domain/principal.js';
import { Refusal } from '../domain/refusal.js';
import type { Selector } from '../domain/selector.js';
import type { Task } from '../domain/task.js';
import { MAX_TTL_MS } from '../domain/tool.js';
import type { LeaseCount, Quarantine, SigningKeyRecord, Store } from '../store/store.js';

/** How long one request may close tasks: what is left then is for the next one. */
const CLOSE_WITHIN_MS = 2 * SECOND_MS;
/** How long may be counted what a recovery ends, or would. */
const COUNT_WITHIN_MS = SECOND_MS;
const PAGE = 2000;
/** Closed at a time: enough to share a commit, few enough that issuing goes on beside it. */
const CLOSED_AT_A_TIME = 100;

const EVERYTHING: Selector = { kind: 'all', name: '' };

export interface Recovery {
  readonly reason: string;
  /** Kills only. */
  readonly keepTasks: boolean;
  /** The cut-off of an earlier answer: goes on from there, and kills nothing more. */
  readonly cutoff?: number;
  readonly closeWithinMs?: number;
}

export interface Recovered {
  readonly cutoff: number;
  /** Absent where the kill was done by an earlier request. */
  readonly killed?: LeaseCount;
  /** Trees, by this request. */
  readonly closed: number;
  /** Whether no task is left that was open at the cut-off. */
  readonly done: boolean;
  readonly quarantines: readonly Quarantine[];
  readonly keys: readonly SigningKeyRecord[];
}

/**
 * Takes back nothing, and may be repeated: what an interrupted one did not reach, the next one does. Kills before it
 * closes, so that everything is dead from the first moment on, however many tasks there are.
 */
export async function recover(
  broker: Broker,
  operator: VerifiedPrincipal,
  recovery: Recovery,
  entry: AuditEntry,
): Promise<Recovered | Refusal> {
  const { reason, keepTasks, closeWithinMs = CLOSE_WITHIN_MS } = recovery;
  const { store } = broker;
  entry.learn({ reason, ...(keepTasks && { keep_tasks: true }) });
  if (recovery.cutoff !== undefined && recovery.cutoff > (await store.now())) {
    return new Refusal('request_malformed', undefined, [{ at: 'cutoff', message: 'lies in the future' }]);
  }
  const { cutoff, killed } =
    recovery.cutoff === undefined
      ? await killEverything(broker, operator, reason, entry)
      : { cutoff: recovery.cutoff };
  entry.learn({ cutoff });
  const close = closing(store, operator, reason, entry.requestId);
  const { closed, done } = keepTasks
    ? { closed: 0, done: true }
    : await closeOpened(store, cutoff, close, closeWithinMs).finally(() => broker.wake());
  // The kill and each closing are on record by now. What they came to is recorded in passing, like a read: a full
  // store takes kills and closes and nothing else, and the operator must be told what was done.
  entry.learn({ tasks_closed: closed, done });
  return {
    cutoff,
    ...(killed && { killed }),
    closed,
    done,
    quarantines: await store.quarantines(),
    keys: await store.signingKeys('credential'),
  };
}

export interface RecoveryPreview {
  readonly count: LeaseCount;
  /** Trees that are open; absent where they are to be kept. */
  readonly tasks?: { readonly open: number; readonly atLeast?: true };
}

/** What a recovery would end, were it asked for now. */
export async function previewRecovery(
  { store }: Broker,
  { keepTasks }: Pick<Recovery, 'keepTasks'>,
  entry: AuditEntry,
): Promise<RecoveryPreview> {
  entry.learn({ recovery: true });
  const count = await store.countSelected(EVERYTHING, undefined, COUNT_WITHIN_MS);
  if (keepTasks) return { count };
  const until = performance.now() + COUNT_WITHIN_MS;
  let open = 0;
  for await (const page of openTasks(store)) {
    open += page.filter(({ parent }) => parent === undefined).length;
    if (performance.now() >= until) return { count, tasks: { open, atLeast: true } };
  }
  return { count, tasks: { open } };
}

async function killEverything(
  broker: Broker,
  operator: VerifiedPrincipal,
  reason: string,
  entry: AuditEntry,
): Promise<{ cutoff: number; killed: LeaseCount }> {
  const facts = { principal: operator.name, detail: { reason, recovery: true } };
  const killing = new AuditEntry(entry.requestId, 'revocation.create', facts);
  const { store } = broker;
  const revocation = await store.revoke({ select: EVERYTHING, reason, by: operator.name }, killing);
  broker.wake();
  // Leases that were issued after the backup are not on record, so none of them kept the kill from being moot early.
  const { cutoff, mootAt } = revocation;
  await store.restoreRevocations([{ ...revocation, mootAt: mootAt + MAX_TTL_MS }]);
  return { cutoff, killed: await store.countSelected(EVERYTHING, revocation, COUNT_WITHIN_MS) };
}

/** Answers whether it is this that closed the task. */
type Close = (id: TaskId) => Promise<boolean>;

function closing(store: Store, { name }: VerifiedPrincipal, reason: string, recovery: RequestId): Close {
  return async (id) => {
    // A request id for each: under that of the recovery, its own event would be buried by those of thousands of tasks.
    const facts = { principal: name, taskId: id, detail: { recovery } };
    const entry = new AuditEntry(requestId(), 'task.complete', facts);
    const task = await store.closeTask(id, { outcome: 'revoked', by: name, reason }, entry);
    return !(task instanceof Refusal) && task.closed?.requestId === entry.requestId;
  };
}

async function closeOpened(
  store: Store,
  cutoff: number,
  close: Close,
  withinMs: number,
): Promise<{ closed: number; done: boolean }> {
  const began = performance.now();
  let closed = 0;
  for await (const page of openTasks(store)) {
    const trees = treesOf(page.filter(({ openedAt }) => openedAt <= cutoff));
    // What it took to read the page does not count: asking again would read it again, and get no further.
    const until = performance.now() + withinMs;
    while (trees.length > 0) {
      const some = trees.splice(0, CLOSED_AT_A_TIME);
      const closings = await Promise.all(some.map((tree) => closeTree(tree, close)));
      closed += closings.filter(Boolean).length;
      if (performance.now() >= until) return { closed, done: false };
    }
    if (closed > 0 && performance.now() - began >= withinMs) return { closed, done: false };
  }
  return { closed, done: true };
}

interface Tree {
  readonly root: TaskId;
  /** Its open tasks that are known of. */
  readonly open: readonly TaskId[];
}

function treesOf(tasks: readonly Task[]): Tree[] {
  const trees = new Map<TaskId, TaskId[]>();
  for (const { id } of tasks) trees.set(rootOf(id), [...(trees.get(rootOf(id)) ?? []), id]);
  return [...trees].map(([root, open]) => ({ root, open }));
}

/** One closing for a whole tree. Where its root is closed or gone, which a store that lost something may say, one for each. */
async function closeTree({ root, open }: Tree, close: Close): Promise<boolean> {
  if (await close(root)) return true;
  const closings = await Promise.all(open.filter((id) => id !== root).map(close));
  return closings.some(Boolean);
}

/** Page by page, newest first; what is opened meanwhile is in front of where we are. */
async function* openTasks(store: Pick<Store, 'listTasks'>): AsyncGenerator<readonly Task[]> {
  let after: { after?: TaskId } = {};
  for (;;) {
    const page = await store.listTasks({ state: 'open', limit: PAGE, ...after });
    const last = page.at(-1);
    if (!last) return;
    yield page;
    after = { after: last.id };
  }
}
