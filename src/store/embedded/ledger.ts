// What every transition of the embedded store works on: the tables, the store's time, and the mirrors kept in memory.
import type { AuditEntry } from '../../audit/entry.js';
import { concludedEvent } from '../../audit/entry.js';
import type { AuditConclusion } from '../../audit/event.js';
import type { Clock } from '../../domain/clock.js';
import { MINUTE_MS } from '../../domain/duration.js';
import type { LeaseId, TaskId } from '../../domain/ids.js';
import type { Lease } from '../../domain/lease.js';
import { Refusal } from '../../domain/refusal.js';
import type { Revocation } from '../../domain/selector.js';
import { RevocationSet, WIDE_KINDS } from '../../domain/selector.js';
import type { Task } from '../../domain/task.js';
import { StoreUnavailable } from '../store.js';
import type { EmbeddedDatabase, Row, Value } from './database.js';
import { insertSql, revocationFromRow, taskFromRow } from './rows.js';

/** How far the store's time may be ahead of the machine's before we would rather not start. */
const MOST_AHEAD_MS = MINUTE_MS;
const MOST_CACHED_TASKS = 10_000;

/** Kinds that are kept in memory: what names single leases and tasks stands in their own rows. */
export const MIRRORED_KINDS = [...WIDE_KINDS, 'key'] as const;

export class Ledger {
  readonly db: EmbeddedDatabase;
  /** How long a record must outlive an exp, for verifiers whose clocks are behind. */
  readonly skewMs: number;
  readonly #clock: Clock;
  #latest = 0;
  #fence = 0;
  #timeMoved = false;
  wide = new RevocationSet();
  quarantined = new Set<string>();
  readonly #tasks = new Map<string, Task>();

  constructor(db: EmbeddedDatabase, clock: Clock, skewMs: number) {
    this.db = db;
    this.#clock = clock;
    this.skewMs = skewMs;
    db.beforeCommit = () => this.#writeTime();
    db.afterRollback = () => this.#readMirrors();
    this.#readMirrors();
    const aheadMs = this.#latest - clock.now();
    if (aheadMs > MOST_AHEAD_MS) {
      throw new StoreUnavailable(
        `the store was last written ${Math.round(aheadMs / 1000)} s in this machine's future: set the clock right, then start again`,
      );
    }
  }

  /** The store's time for a transition: never back, and past every fence. */
  tick(): number {
    const now = Math.max(this.#clock.now(), this.#latest, this.#fence + 1);
    if (now !== this.#latest) this.#timeMoved = true;
    return (this.#latest = now);
  }

  /** The store's time for a reader. */
  peek(): number {
    return Math.max(this.#clock.now(), this.#latest);
  }

  /** Everything issued from now on is later than this. */
  raiseFence(cutoff: number): void {
    this.#fence = Math.max(this.#fence, cutoff);
    this.#timeMoved = true;
  }

  /** Runs a transition and concludes the entry in the same transaction: a refusal as one, a result as `told` says. */
  async transition<T>(
    entry: AuditEntry,
    work: () => T | Refusal,
    told: (result: T) => Omit<AuditConclusion, 'outcome'> = () => ({}),
  ): Promise<T | Refusal> {
    const result = await this.db.transact(() => {
      const outcome = work();
      if (outcome instanceof Refusal) {
        this.writeEvent(entry, { outcome: 'refused', reason: outcome.reason, ...detailOf(outcome) });
      } else {
        this.writeEvent(entry, { outcome: 'permitted', ...told(outcome) });
      }
      return outcome;
    });
    entry.markConcluded();
    return result;
  }

  writeEvent(entry: AuditEntry, conclusion: AuditConclusion, at = this.tick()): void {
    const event = concludedEvent(entry, conclusion, at);
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

  /** To be called wherever a task's row is written. */
  forgetTask(id: string): void {
    this.#tasks.delete(id);
  }

  /** For a change to a whole tree. */
  forgetTree(root: TaskId): void {
    for (const id of this.#tasks.keys()) if (id === root || id.startsWith(`${root}.`)) this.#tasks.delete(id);
  }

  /** The kill that a lease's own row does not tell of: its task's end, or a wide selector; the earlier of them. */
  killerOf(lease: Lease): Revocation | undefined {
    const closed = this.task(lease.taskId)?.closed;
    const wide = this.wide.killerOf(lease);
    if (!closed || (wide && wide.at <= closed.at)) return wide;
    return { kind: 'task', name: lease.taskId, cutoff: Infinity, mootAt: Infinity, ...closed };
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

  #writeTime(): void {
    if (!this.#timeMoved) return;
    this.db.sql('UPDATE meta SET latest = ?, fence = ?').run(this.#latest, this.#fence);
    this.#timeMoved = false;
  }

  #readMirrors(): void {
    const meta = this.db.sql('SELECT latest, fence FROM meta').get()!;
    this.#latest = Math.max(this.#latest, Number(meta['latest']));
    this.#fence = Number(meta['fence']);
    this.wide = new RevocationSet();
    const kinds = MIRRORED_KINDS.map((kind) => `'${kind}'`).join(',');
    for (const row of this.db.sql(`SELECT * FROM revocation WHERE kind IN (${kinds})`).all()) {
      this.wide.add(revocationFromRow(row));
    }
    this.quarantined = new Set(
      this.db
        .sql('SELECT agent FROM quarantine')
        .all()
        .map((row) => String(row['agent'])),
    );
    this.#tasks.clear();
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

const UNSETTLED = "external = 1 AND state IN ('reserved', 'active', 'revoking')";

/** A task and all below it, as a range of ids: `.` is followed by `/` in ASCII. Takes `treeBounds`. */
export const inTree = (column: string): string => `(${column} = ? OR (${column} > ? AND ${column} < ?))`;
export const treeBounds = (tree: string): Value[] => [tree, `${tree}.`, `${tree}/`];

const detailOf = (refusal: Refusal): { detail?: Record<string, unknown> } =>
  refusal.detail === undefined && refusal.flaws.length === 0
    ? {}
    : {
        detail: {
          ...(refusal.detail !== undefined && { why: refusal.detail }),
          ...(refusal.flaws.length > 0 && { flaws: refusal.flaws }),
        },
      };
