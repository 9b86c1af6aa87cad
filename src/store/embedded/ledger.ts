// What every transition of the embedded store works on: the tables, the store's time, and the mirrors kept in memory.
import type { AuditEntry } from '../../audit/entry.js';
import { concludedEvent } from '../../audit/entry.js';
import type { AuditConclusion, AuditOutcome } from '../../audit/event.js';
import type { Clock } from '../../domain/clock.js';
import { MINUTE_MS, SECOND_MS } from '../../domain/duration.js';
import type { LeaseId, TaskId } from '../../domain/ids.js';
import { slotOf } from '../../domain/ids.js';
import type { Lease } from '../../domain/lease.js';
import { Refusal } from '../../domain/refusal.js';
import type { Revocation } from '../../domain/revocation.js';
import { RevocationSet } from '../../domain/revocation.js';
import { WIDE_KINDS } from '../../domain/selector.js';
import type { Task } from '../../domain/task.js';
import { ContextChanged } from '../../domain/tree-context.js';
import type { News } from '../store.js';
import { StoreUnavailable } from '../store.js';
import { inTree, treeBounds, UNSETTLED } from './conditions.js';
import { ContextRows } from './context-rows.js';
import type { EmbeddedDatabase, Row, Urgency } from './database.js';
import { insertSql, revocationFromRow, taskFromRow } from './rows.js';

/** How far the store's time may be ahead of the machine's before we would rather not start. */
const MOST_AHEAD_MS = MINUTE_MS;
/** How much of its time a store may forget by a crash while nothing was written. */
const WRITE_TIME_AFTER_MS = 10 * SECOND_MS;
const MOST_CACHED_TASKS = 10_000;

/** Kinds that are kept in memory: what names single leases and tasks stands in their own rows. */
const MIRRORED_KINDS: readonly string[] = [...WIDE_KINDS, 'key'];

export class Ledger {
  readonly db: EmbeddedDatabase;
  readonly contexts: ContextRows;
  /** How long a record must outlive an exp, for verifiers whose clocks are behind. */
  readonly skewMs: number;
  readonly #clock: Clock;
  #latest = 0;
  /** The time on disk, and how many rows had been changed when it was last looked at. */
  #written = 0;
  #changes = 0;
  #wide = new RevocationSet();
  readonly quarantined = new Set<string>();
  readonly #tasks = new Map<string, Task>();
  readonly #slots = new WeakMap<Task, number>();
  readonly #listeners = new Set<(news: News) => void>();
  /** What the transaction under way will have to tell. */
  #news: News[] = [];

  constructor(db: EmbeddedDatabase, clock: Clock, skewMs: number) {
    this.db = db;
    this.contexts = new ContextRows(db);
    this.#clock = clock;
    this.skewMs = skewMs;
    db.beforeCommit = () => this.#writeTime();
    db.afterCommit = () => this.#spread();
    db.afterRollback = () => {
      this.#news = [];
      this.#readMirrors();
    };
    this.#readMirrors();
    const aheadMs = this.#latest - clock.now();
    if (aheadMs > MOST_AHEAD_MS) {
      throw new StoreUnavailable(
        `the store was last written ${Math.round(aheadMs / 1000)} s in this machine's future: set the clock right, then start again`,
      );
    }
  }

  /** The store's time: never back, and past every fence. */
  now(): number {
    return (this.#latest = Math.max(this.#clock.now(), this.#latest));
  }

  /** Writes, whether or not there is anything to be written. */
  touch(): void {
    this.db.sql('UPDATE meta SET latest = max(latest, ?)').run(this.now());
  }

  /** A millisecond later than all that was: what ended before can then be told from what ends now. */
  nextMillisecond(): number {
    this.raiseFence(this.#latest);
    return this.now();
  }

  /** Everything from now on is later than this. */
  raiseFence(cutoff: number): void {
    this.#latest = Math.max(this.#latest, cutoff + 1);
  }

  /**
   * Runs a transition and concludes the entry in the same transaction: a refusal as one, a result as `told` says. Of
   * what has to be decided again nothing is on record yet.
   */
  async transition<T>(
    entry: AuditEntry,
    work: () => T | Refusal,
    told: (
      result: Exclude<T, ContextChanged>,
    ) => Omit<AuditConclusion, 'outcome'> & { readonly outcome?: AuditOutcome } = () => ({}),
    urgency: Urgency = 'soon',
  ): Promise<T | Refusal> {
    const result = await this.db.transact(() => {
      const outcome = work();
      if (outcome instanceof ContextChanged) return outcome;
      if (outcome instanceof Refusal) {
        this.writeEvent(entry, { outcome: 'refused', reason: outcome.reason, ...detailOf(outcome) });
      } else {
        this.writeEvent(entry, { outcome: 'permitted', ...told(outcome as Exclude<T, ContextChanged>) });
      }
      return outcome;
    }, urgency);
    if (!(result instanceof ContextChanged)) entry.markConcluded();
    return result;
  }

  writeEvent(entry: AuditEntry, conclusion: AuditConclusion): void {
    const event = concludedEvent(entry, conclusion, this.now());
    this.db
      .sql(INSERT_EVENT)
      .run(
        event.at,
        event.requestId,
        event.action,
        event.outcome,
        event.reason ?? null,
        event.principal ?? null,
        event.taskId ?? null,
        event.leaseId ?? null,
        event.tool ?? null,
        JSON.stringify(event.detail),
      );
  }

  task(id: string): Task | undefined {
    const cached = this.#tasks.get(id);
    if (cached) return cached;
    const row = this.db.sql('SELECT * FROM task WHERE id = ?').get(id);
    if (!row) return undefined;
    const task = taskFromRow(row);
    if (this.#tasks.size >= MOST_CACHED_TASKS) this.#tasks.delete(this.#tasks.keys().next().value!);
    this.#tasks.set(id, task);
    return task;
  }

  /** Worked out once for each cached task: a hash costs as much as a whole statement. */
  slotOf(task: Task): number {
    let slot = this.#slots.get(task);
    if (slot === undefined) this.#slots.set(task, (slot = slotOf(task.id)));
    return slot;
  }

  /** To be called wherever a task's row is written. */
  forgetTask(id: string): void {
    this.#tasks.delete(id);
  }

  /** The kill that a lease's own row does not tell of: its task's end, or a wide selector; the earlier of them. */
  killerOf(lease: Lease): Revocation | undefined {
    const closed = this.task(lease.taskId)?.closed;
    const wide = this.#wide.killerOf(lease);
    if (!closed || (wide && wide.at <= closed.at)) return wide;
    return { kind: 'task', name: lease.taskId, cutoff: Infinity, mootAt: Infinity, ...closed };
  }

  /** A key that was revoked signs nothing more, also when its selector is moot. */
  isRevokedKey(kid: string): boolean {
    return this.#wide.has({ kind: 'key', name: kid });
  }

  /** Puts a selector in force. `walked`: nobody has to look for external leases that it names. */
  addRevocation(revocation: Revocation, walked: boolean): void {
    const { kind, name, cutoff, mootAt, at, by, reason, requestId } = revocation;
    this.db
      .sql(INSERT_REVOCATION)
      .run(
        kind,
        name,
        cutoff === Infinity ? null : cutoff,
        mootAt,
        at,
        by,
        reason ?? null,
        requestId ?? null,
        walked ? 1 : 0,
      );
    if (MIRRORED_KINDS.includes(kind)) this.#wide.add(revocation);
    this.tell({ kind: 'revocation', revocation });
    if (cutoff !== Infinity) this.raiseFence(cutoff);
  }

  /** Past every exp that is on record: what is killed now is moot after this and the verifiers' skew. */
  mootAfterAll(now: number): number {
    const latest = this.db.sql('SELECT max(expires_at) AS latest FROM lease').get()?.['latest'];
    return Math.max(now, Number(latest ?? 0)) + this.skewMs;
  }

  hasUnsettled(tree: TaskId): boolean {
    return (
      this.db
        .sql(`SELECT 1 FROM lease WHERE ${UNSETTLED} AND ${inTree('task_id')} LIMIT 1`)
        .get(...treeBounds(tree)) !== undefined
    );
  }

  leaseRow(id: LeaseId): Row | undefined {
    return this.db.sql('SELECT * FROM lease WHERE id = ?').get(id);
  }

  /** With whatever else is written; by itself only now and then, since a look that finds nothing costs no commit. */
  #writeTime(): void {
    const changes = this.#totalChanges();
    if (changes === this.#changes && this.#latest - this.#written < WRITE_TIME_AFTER_MS) return;
    this.db.sql('UPDATE meta SET latest = ?').run(this.#latest);
    this.#written = this.#latest;
    this.#changes = changes + 1;
  }

  #totalChanges(): number {
    return Number(this.db.sql('SELECT total_changes() AS n').get()!['n']);
  }

  #readMirrors(): void {
    const meta = this.db.sql('SELECT latest FROM meta').get()!;
    this.#latest = Math.max(this.#latest, Number(meta['latest']));
    this.#written = Number(meta['latest']);
    this.#changes = this.#totalChanges();
    this.readRevocations();
    this.quarantined.clear();
    for (const row of this.db.sql('SELECT agent FROM quarantine').all())
      this.quarantined.add(String(row['agent']));
    this.#tasks.clear();
    this.contexts.forgetAll();
  }

  watch(listener: (news: News) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** To be heard of once the transaction under way is on disk. */
  tell(news: News): void {
    if (this.#listeners.size > 0) this.#news.push(news);
  }

  #spread(): void {
    const told = this.#news;
    this.#news = [];
    for (const news of told) for (const listener of this.#listeners) listener(news);
  }

  /** To be called wherever selectors are deleted. */
  readRevocations(): void {
    this.#wide = new RevocationSet();
    for (const kind of MIRRORED_KINDS) {
      for (const row of this.db.sql('SELECT * FROM revocation WHERE kind = ?').all(kind))
        this.#wide.add(revocationFromRow(row));
    }
  }
}

const INSERT_EVENT = insertSql('audit', [
  'at',
  'request_id',
  'action',
  'outcome',
  'reason',
  'principal',
  'task_id',
  'lease_id',
  'tool',
  'detail',
]);

/** Grow-only: the same kill again only adds to what it reaches. */
const INSERT_REVOCATION = `${insertSql('revocation', [
  'kind',
  'name',
  'cutoff',
  'moot_at',
  'at',
  'by',
  'reason',
  'request_id',
  'walked',
])} ON CONFLICT (kind, name, at) DO UPDATE SET
  cutoff = iif(cutoff IS NULL OR excluded.cutoff IS NULL, NULL, max(cutoff, excluded.cutoff)),
  moot_at = max(moot_at, excluded.moot_at), walked = min(walked, excluded.walked)`;

const detailOf = (refusal: Refusal): { detail?: Record<string, unknown> } =>
  refusal.detail === undefined && refusal.flaws.length === 0
    ? {}
    : {
        detail: {
          ...(refusal.detail !== undefined && { why: refusal.detail }),
          ...(refusal.flaws.length > 0 && { flaws: refusal.flaws }),
        },
      };
