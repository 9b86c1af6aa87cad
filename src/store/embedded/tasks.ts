// Tasks in the embedded store: open, extend, close. Closing writes the task's rows and one selector, never a lease.
import type { AuditEntry } from '../../audit/entry.js';
import type { TaskId } from '../../domain/ids.js';
import { lineageOf } from '../../domain/ids.js';
import type { LeaseState } from '../../domain/lease.js';
import { LEASE_STATES } from '../../domain/lease.js';
import { Refusal } from '../../domain/refusal.js';
import type { Task } from '../../domain/task.js';
import { outcomeForChild } from '../../domain/task.js';
import type { Closing, LeaseCounts, NewTask, TaskQuery, TaskStore } from '../store.js';
import type { Value } from './database.js';
import { inTree, treeBounds, type Ledger } from './ledger.js';
import { insertSql, taskFromRow, taskTerms } from './rows.js';
import { STANDING_SQL } from './standing.js';

const INSERT_TASK = insertSql('task', [
  'id',
  'orchestrator',
  'state',
  'opened_at',
  'deadline',
  'body_digest',
  'terms',
]);

export class Tasks implements TaskStore {
  readonly #ledger: Ledger;
  readonly #insertRevocation: (id: TaskId, mootAt: number, walked: boolean, closing: Closed) => void;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
    this.#insertRevocation = (id, mootAt, walked, { at, by, reason, requestId }) =>
      void ledger.db
        .sql(
          `INSERT INTO revocation (kind, name, cutoff, moot_at, at, by, reason, request_id, walked)
           VALUES ('task', ?, NULL, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
        )
        .run(id, mootAt, at, by, reason ?? null, requestId, walked ? 1 : 0);
  }

  openTask(task: NewTask, entry: AuditEntry): Promise<{ task: Task; created: boolean } | Refusal> {
    return this.#ledger.transition(
      entry,
      () => this.#open(task),
      (opened) => ({
        taskId: opened.task.id,
        detail: { created: opened.created, deadline: opened.task.deadline },
      }),
    );
  }

  #open(asked: NewTask): { task: Task; created: boolean } | Refusal {
    const now = this.#ledger.tick();
    const known = this.#ledger.task(asked.id);
    if (known) {
      return known.bodyDigest === asked.bodyDigest && known.orchestrator === asked.orchestrator
        ? { task: known, created: false }
        : new Refusal(
            'task_conflict',
            'the id belongs to a task that was opened with another body or by somebody else',
          );
    }
    let deadline = now + asked.ttlMs;
    if (asked.parent !== undefined) {
      const parent = this.#ledger.task(asked.parent);
      if (!parent) return new Refusal('parent_unknown', `no task ${asked.parent}`);
      if (!isOpen(parent, now)) return new Refusal('task_closed', `the parent ${asked.parent} is closed`);
      deadline = Math.min(deadline, parent.deadline);
    }
    this.#ledger.db
      .sql(INSERT_TASK)
      .run(asked.id, asked.orchestrator, 'open', now, deadline, asked.bodyDigest, taskTerms(asked));
    return { task: this.#ledger.task(asked.id)!, created: true };
  }

  readTask(id: TaskId): Promise<Task | undefined> {
    return Promise.resolve(this.#ledger.task(id));
  }

  listTasks({ orchestrator, state, tree, after, limit }: TaskQuery): Promise<Task[]> {
    const where: string[] = ['1'];
    const values: Value[] = [];
    const and = (condition: string, ...more: Value[]): void =>
      void (where.push(condition), values.push(...more));
    if (orchestrator !== undefined) and('orchestrator = ?', orchestrator);
    if (state !== undefined) and('state = ?', state);
    if (tree !== undefined) and(inTree('id'), ...treeBounds(tree));
    if (after !== undefined) and('(opened_at, id) < (SELECT opened_at, id FROM task WHERE id = ?)', after);
    const rows = this.#ledger.db
      .sql(`SELECT * FROM task WHERE ${where.join(' AND ')} ORDER BY opened_at DESC, id DESC LIMIT ?`)
      .all(...values, limit);
    return Promise.resolve(rows.map(taskFromRow));
  }

  countLeases(id: TaskId): Promise<LeaseCounts> {
    const counts = Object.fromEntries(LEASE_STATES.map((state) => [state, 0])) as Record<LeaseState, number>;
    const now = this.#ledger.peek();
    const rows = this.#ledger.db
      .sql(
        `SELECT ${STANDING_SQL} AS standing, count(*) AS n
         FROM lease l JOIN task t ON t.id = l.task_id WHERE l.task_id = ?2 GROUP BY 1`,
      )
      .all(now, id);
    for (const row of rows) counts[row['standing'] as LeaseState] += Number(row['n']);
    const past = this.#ledger.db
      .sql('SELECT past_revoked, past_expired, past_irrevocable FROM task WHERE id = ?')
      .get(id);
    if (past) for (const state of PURGED_STATES) counts[state] += Number(past[`past_${state}`]);
    return Promise.resolve(counts);
  }

  extendTask(
    id: TaskId,
    bounds: { deadline: number; maxTtlMs: number },
    entry: AuditEntry,
  ): Promise<Task | Refusal> {
    return this.#ledger.transition(
      entry,
      () => this.#extend(id, bounds),
      (task) => ({ taskId: task.id, detail: { deadline: task.deadline } }),
    );
  }

  #extend(id: TaskId, { deadline: asked, maxTtlMs }: { deadline: number; maxTtlMs: number }): Task | Refusal {
    const now = this.#ledger.tick();
    const task = this.#ledger.task(id);
    if (!task) return new Refusal('task_unknown', `no task ${id}`);
    if (!isOpen(task, now)) return new Refusal('task_closed', `the task is ${task.state}`);
    const latest = task.openedAt + maxTtlMs;
    if (asked > latest)
      return new Refusal('task_ttl_exceeded', `a task may last ${maxTtlMs} ms from its opening`);
    const parent = task.parent === undefined ? undefined : this.#ledger.task(task.parent);
    const deadline = Math.min(asked, parent?.deadline ?? Infinity);
    if (deadline <= task.deadline) {
      return new Refusal(
        'deadline_not_later',
        parent ? "the parent's deadline is the bound" : 'name a later deadline',
      );
    }
    this.#ledger.db.sql('UPDATE task SET deadline = ? WHERE id = ?').run(deadline, id);
    this.#ledger.forgetTask(id);
    return this.#ledger.task(id)!;
  }

  closeTask(id: TaskId, closing: Closing, entry: AuditEntry): Promise<Task | Refusal> {
    return this.#ledger.transition(
      entry,
      () => {
        const task = this.#ledger.task(id);
        return task
          ? this.close(task, closing, entry, this.#ledger.tick())
          : new Refusal('task_unknown', `no task ${id}`);
      },
      (task) => ({ taskId: task.id, detail: { outcome: task.closed?.outcome, closed_at: task.closed?.at } }),
    );
  }

  /**
   * The transition itself, for whoever closes a task: its orchestrator, an operator, or time. What had passed its
   * deadline has expired, whatever anybody says of it later.
   */
  close(task: Task, asked: Closing, entry: AuditEntry, now: number): Task {
    if (task.closed) return task;
    const expired = now >= task.deadline;
    const closing: Closed = expired
      ? { at: task.deadline, outcome: 'expired', by: 'mayfly', requestId: entry.requestId }
      : { ...asked, at: now, requestId: entry.requestId };
    const settled = !this.#ledger.hasUnsettled(task.id);
    this.#writeClosing('id = ?', [task.id], closing, settled);
    const below = { ...closing, outcome: outcomeForChild(closing.outcome), reason: `${task.id} was closed` };
    this.#writeClosing(
      "state = 'open' AND id > ? AND id < ?",
      [`${task.id}.`, `${task.id}/`],
      below,
      settled,
    );
    // Nothing outlives a deadline by itself: a selector is needed only for an end that comes before it.
    if (!expired) this.#insertRevocation(task.id, task.deadline + this.#ledger.skewMs, settled, closing);
    this.#ledger.forgetTree(task.id);
    return this.#ledger.task(task.id)!;
  }

  /** Marks as settled what is closed and has nothing outstanding any more, from this task upwards. */
  settleUpwards(id: TaskId, now: number): void {
    for (const task of lineageOf(id)) {
      if (this.#ledger.task(task)?.state !== 'closed' || this.#ledger.hasUnsettled(task)) continue;
      this.#ledger.db.sql("UPDATE task SET state = 'settled', settled_at = ? WHERE id = ?").run(now, task);
      this.#ledger.forgetTask(task);
    }
  }

  #writeClosing(where: string, values: Value[], closing: Closed, settled: boolean): void {
    this.#ledger.db
      .sql(
        `UPDATE task SET state = ?, closed_at = ?, outcome = ?, closed_by = ?, close_reason = ?, close_request = ?, settled_at = ?
         WHERE ${where}`,
      )
      .run(
        settled ? 'settled' : 'closed',
        closing.at,
        closing.outcome,
        closing.by,
        closing.reason ?? null,
        closing.requestId,
        settled ? closing.at : null,
        ...values,
      );
  }
}

type Closed = Closing & { readonly at: number; readonly requestId: AuditEntry['requestId'] };

const PURGED_STATES = ['revoked', 'expired', 'irrevocable'] as const;

/** Open, and not past its deadline either, whether or not the sweeper has been there. */
export const isOpen = (task: Task, now: number): boolean => task.state === 'open' && now < task.deadline;
