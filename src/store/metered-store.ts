// A store whose calls are counted and timed: what happened is told by what the store answered, in one place.
import { AuditEntry } from '../audit/entry.js';
import type { AuditConclusion } from '../audit/event.js';
import { Refusal } from '../domain/refusal.js';
import { ContextChanged } from '../domain/tree-context.js';
import type { Metrics } from '../telemetry/metrics.js';
import type { DenyStore } from './deny-store.js';
import type { Store, Swept } from './store.js';
import { StoreUnavailable } from './store.js';

/** Calls that are none of the store's work, that are answered from memory wherever that matters, or that are many. */
type Unmetered =
  | 'denials'
  | 'watch'
  | 'tellPeers'
  | 'close'
  | 'now'
  | 'recallTask'
  | 'recallContext'
  | 'liveLeases'
  | 'activeAtTarget';
type Operation = Exclude<keyof Store, Unmetered>;

const DURATION = 'store_operation_duration_seconds';
const UNAVAILABLE = 'store_unavailable_total';

/** Every call that is timed; a new one of the port does not compile before it stands here. */
const OPERATIONS: Readonly<Record<Operation, true>> = {
  openTask: true,
  readTask: true,
  listTasks: true,
  countLeases: true,
  countOpenTasks: true,
  extendTask: true,
  closeTask: true,
  issueLease: true,
  reserveLease: true,
  activateLease: true,
  abandonLease: true,
  renewLease: true,
  readLease: true,
  listLeases: true,
  countLive: true,
  readContext: true,
  signalTask: true,
  dueReviews: true,
  concludeReview: true,
  principalFacts: true,
  revoke: true,
  countSelected: true,
  revocations: true,
  asOf: true,
  restoreRevocations: true,
  quarantines: true,
  liftQuarantine: true,
  sweep: true,
  claimDue: true,
  claimEnded: true,
  settle: true,
  retryLease: true,
  forceLease: true,
  countIrrevocable: true,
  record: true,
  recordInPassing: true,
  recordBatch: true,
  auditEvents: true,
  once: true,
  statusLists: true,
  statusList: true,
  signingKeys: true,
  addSigningKey: true,
  removeSigningKey: true,
  revokedKeys: true,
  ailment: true,
};

/** The same of its part for denials. */
const DENIALS: Readonly<Record<keyof DenyStore, true>> = {
  seat: true,
  seatOf: true,
  unseat: true,
  add: true,
  claim: true,
  read: true,
  raise: true,
  release: true,
};

type Told = {
  readonly [Name in Operation]?: (
    metrics: Metrics,
    given: Parameters<Store[Name]>,
    answer: Exclude<Awaited<ReturnType<Store[Name]>>, Refusal | ContextChanged>,
    seconds: number,
  ) => void;
};

/** What an answer says that is no refusal, and no request to decide again, beyond that it came. */
const TOLD: Told = {
  openTask: (metrics, _given, { created }) => created && metrics.count('tasks_opened_total'),
  // Of a task that was closed before, the first closing is given again.
  closeTask: (metrics, [, , entry], { closed }) =>
    closed?.requestId === entry.requestId && metrics.count('tasks_closed_total', closed.outcome),
  issueLease: (metrics, _given, { tool, kind }) => metrics.count('credentials_issued_total', tool, kind),
  activateLease: (metrics, _given, { tool, kind }) => metrics.count('credentials_issued_total', tool, kind),
  renewLease: (metrics, _given, { tool, kind }) => metrics.count('credentials_renewed_total', tool, kind),
  revoke: (metrics, [{ select, quarantine }], _answer, seconds) => {
    metrics.observe('kill_duration_seconds', seconds, select.kind);
    if (quarantine) metrics.count('quarantines_total', 'begun');
  },
  liftQuarantine: (metrics) => metrics.count('quarantines_total', 'lifted'),
  recordBatch: (metrics, [{ events }], recorded) => {
    // Of what was on record in part nobody knows which part.
    if (recorded === events.length)
      for (const { conclusion } of events) metrics.count('audit_events_total', conclusion.outcome);
  },
  settle: (metrics, [, , settlement], isOurs) =>
    isOurs && settlement.kind !== 'deferred' && metrics.count('settlements_total', settlement.kind),
  retryLease: (metrics) => metrics.count('irrevocable_leases_taken_up_total', 'retry'),
  forceLease: (metrics) => metrics.count('irrevocable_leases_taken_up_total', 'force'),
  sweep: (metrics, _given, { expiredTasks }) => {
    metrics.count('sweeps_total');
    for (const _task of expiredTasks) metrics.count('tasks_closed_total', 'expired');
  },
};

/** The same store. Every call answers what it answered before, and costs a few hundred nanoseconds more. */
export function meteredStore(store: Store, metrics: Metrics): Store {
  const unmetered = {
    denials: meteredDenials(store.denials, metrics),
    watch: store.watch.bind(store),
    tellPeers: store.tellPeers.bind(store),
    close: store.close.bind(store),
    now: store.now.bind(store),
    recallTask: store.recallTask.bind(store),
    recallContext: store.recallContext.bind(store),
    liveLeases: store.liveLeases.bind(store),
    activeAtTarget: store.activeAtTarget.bind(store),
  } satisfies Record<Unmetered, unknown>;
  const metered: Record<string, unknown> = unmetered;
  let dueAt = Infinity;
  metrics.read('sweeper_overdue_seconds', async () => Math.max(0, (await store.now()) - dueAt) / 1000);
  for (const name of Object.keys(OPERATIONS) as Operation[]) {
    const call = store[name].bind(store) as (...given: unknown[]) => Promise<unknown>;
    const told = TOLD[name] as
      ((metrics: Metrics, given: unknown[], answer: unknown, seconds: number) => void) | undefined;
    metered[name] = (...given: unknown[]) => {
      const began = performance.now();
      const entry = openEntryIn(given);
      return call(...given).then(
        (answer) => {
          const seconds = (performance.now() - began) / 1000;
          metrics.observe(DURATION, seconds, name);
          if (entry?.concluded) metrics.count('audit_events_total', outcomeOf(given, answer));
          if (name === 'sweep') dueAt = (answer as Swept).nextDueAt ?? Infinity;
          if (told && !(answer instanceof Refusal || answer instanceof ContextChanged))
            told(metrics, given, answer, seconds);
          return answer;
        },
        (error: unknown) => {
          if (error instanceof StoreUnavailable) metrics.count(UNAVAILABLE, name);
          throw error;
        },
      );
    };
  }
  return metered as unknown as Store;
}

function meteredDenials(denials: DenyStore, metrics: Metrics): DenyStore {
  const metered: Record<string, unknown> = {};
  for (const name of Object.keys(DENIALS) as (keyof DenyStore)[]) {
    const call = denials[name].bind(denials) as (...given: unknown[]) => Promise<unknown>;
    metered[name] = async (...given: unknown[]) => {
      const began = performance.now();
      try {
        const answer = await call(...given);
        metrics.observe(DURATION, (performance.now() - began) / 1000, `denials.${name}`);
        return answer;
      } catch (error) {
        if (error instanceof StoreUnavailable) metrics.count(UNAVAILABLE, `denials.${name}`);
        throw error;
      }
    };
  }
  return metered as unknown as DenyStore;
}

/** The entry that this call may conclude. It stands last or next to last. */
function openEntryIn(given: readonly unknown[]): AuditEntry | undefined {
  const entry = given.find((one) => one instanceof AuditEntry);
  return entry && !entry.concluded ? entry : undefined;
}

/** As the caller said (`record`), or as the transition found out. */
function outcomeOf(given: readonly unknown[], answer: unknown): string {
  const last = given.at(-1) as Partial<AuditConclusion> | undefined;
  return last?.outcome ?? (answer instanceof Refusal ? 'refused' : 'permitted');
}
