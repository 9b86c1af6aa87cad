// Tasks in the embedded store: open, extend, close. Closing writes the task's rows and one selector, never a lease.
import type { AuditEntry } from '../../audit/entry.js';
import type { PrincipalName, TaskId } from '../../domain/ids.js';
import { lineageOf, parentOf, rootOf } from '../../domain/ids.js';
import type { LeaseState } from '../../domain/lease.js';
import { LEASE_STATES } from '../../domain/lease.js';
import { Refusal } from '../../domain/refusal.js';
import type { Revocation } from '../../domain/revocation.js';
import { taskSelector } from '../../domain/selector.js';
import type { Task, TaskClosing } from '../../domain/task.js';
import { outcomeForChild } from '../../domain/task.js';
import type { Closing, LeaseCounts, NewTask, Tally, TaskQuery, TaskStore } from '../store.js';
import { countOpenTasks, openInTree } from './counting.js';
import type { Value } from './database.js';
import { inTree, treeBounds, UNSETTLED } from './conditions.js';
import { type Ledger } from './ledger.js';
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

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
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
    const now = this.#ledger.now();
    const known = this.#ledger.task(asked.id);
    if (known) {
      return known.bodyDigest === asked.bodyDigest && known.orchestrator === asked.orchestrator
        ? { task: known, created: false }
        : new Refusal(
            'task_conflict',
            'the id belongs to a task that was opened with another body or by somebody else',
          );
    }
    if (asked.parent !== parentOf(asked.id)) {
      return new Refusal('task_id_not_allowed', "a child's id is its parent's id, a dot and a name");
    }
    let deadline = now + asked.ttlMs;
    if (asked.parent !== undefined) {
      const parent = this.#ledger.task(asked.parent);
      if (!parent) return new Refusal('parent_unknown', `no task ${asked.parent}`);
      if (!isOpen(parent, now)) return new Refusal('task_closed', `the parent ${asked.parent} is closed`);
      deadline = Math.min(deadline, parent.deadline);
    }
    // A kill may name a task before it is there, and a store that lost the task may have been told of its kill.
    if (this.#isRevoked(asked.id, now)) return new Refusal('task_closed', `${asked.id} was revoked`);
    const full = this.#fullTree(asked);
    if (full) return full;
    this.#ledger.db
      .sql(INSERT_TASK)
      .run(asked.id, asked.orchestrator, 'open', now, deadline, asked.bodyDigest, taskTerms(asked));
    return { task: this.#ledger.task(asked.id)!, created: true };
  }

  #isRevoked(id: TaskId, now: number): boolean {
    const inForce = "SELECT 1 FROM revocation WHERE kind = 'task' AND name = ? AND moot_at > ?";
    return this.#ledger.db.sql(inForce).get(id, now) !== undefined;
  }

  #fullTree({ id, mostOpenInTree = Infinity }: NewTask): Refusal | undefined {
    const root = rootOf(id);
    // A root is the first of its tree: there is nothing to count.
    if (root === id) return undefined;
    const open = openInTree(this.#ledger, root);
    return open < mostOpenInTree
      ? undefined
      : new Refusal('too_many_children', `${open} tasks are open in the tree of ${root}`);
  }

  countOpenTasks(orchestrator: PrincipalName, most: number): Promise<Tally> {
    return this.#ledger.db.read(() => countOpenTasks(this.#ledger, orchestrator, most));
  }

  readTask(id: TaskId): Promise<Task | undefined> {
    return this.#ledger.db.read(() => this.#ledger.task(id));
  }

  recallTask(id: TaskId): Promise<Task | undefined> {
    return this.readTask(id);
  }

  listTasks({ orchestrator, roots, state, tree, after, limit }: TaskQuery): Promise<Task[]> {
    // What may be seen at all; a page that begins behind something else must not tell that it is there.
    const seen: string[] = ['1'];
    const seenValues: Value[] = [];
    if (orchestrator !== undefined) {
      seen.push('orchestrator = ?');
      seenValues.push(orchestrator);
    }
    if (roots !== undefined) {
      seen.push(`(0${` OR ${ROOT_SQL} GLOB ?`.repeat(roots.length)})`);
      seenValues.push(...roots.map(sqlGlob));
    }
    const where: string[] = [...seen];
    const values: Value[] = [...seenValues];
    const and = (condition: string, ...more: Value[]): void =>
      void (where.push(condition), values.push(...more));
    if (state !== undefined) and('state = ?', state);
    if (tree !== undefined) and(inTree('id'), ...treeBounds(tree));
    if (after !== undefined) {
      const cursor = `SELECT opened_at, id FROM task WHERE id = ? AND ${seen.join(' AND ')}`;
      and(`(opened_at, id) < (${cursor})`, after, ...seenValues);
    }
    const sql = `SELECT * FROM task WHERE ${where.join(' AND ')} ORDER BY opened_at DESC, id DESC LIMIT ?`;
    return this.#ledger.db.read(() =>
      this.#ledger.db
        .sql(sql)
        .all(...values, limit)
        .map(taskFromRow),
    );
  }

  countLeases(id: TaskId): Promise<LeaseCounts> {
    return this.#ledger.db.read(() => {
      const counts = Object.fromEntries(LEASE_STATES.map((state) => [state, 0])) as Record<
        LeaseState,
        number
      >;
      const rows = this.#ledger.db.sql(COUNT_STANDING).all(this.#ledger.now(), id);
      for (const row of rows) counts[row['standing'] as LeaseState] += Number(row['n']);
      const purged = this.#ledger.db.sql('SELECT past_revoked, past_expired FROM task WHERE id = ?').get(id);
      counts.revoked += Number(purged?.['past_revoked'] ?? 0);
      counts.expired += Number(purged?.['past_expired'] ?? 0);
      return counts;
    });
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
    const now = this.#ledger.now();
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
          ? this.close(task, closing, entry, this.#ledger.now())
          : new Refusal('task_unknown', `no task ${id}`);
      },
      (task) => ({ taskId: task.id, detail: { outcome: task.closed?.outcome, closed_at: task.closed?.at } }),
      'first',
    );
  }

  /** The transition itself, for whoever closes a task: its orchestrator, an operator, or time. */
  close(task: Task, { outcome, by, reason }: Closing, entry: AuditEntry, now: number): Task {
    if (task.closed) return task;
    const { requestId } = entry;
    this.closeTree(task.id, { at: now, outcome, by, ...(reason !== undefined && { reason }), requestId });
    const closed = this.#ledger.task(task.id)!;
    // Nothing outlives a deadline by itself: a selector is needed only for an end that comes before it.
    if (closed.closed!.outcome !== 'expired') {
      this.#ledger.addRevocation(revocationOf(closed, this.#ledger.skewMs), closed.state === 'settled');
    }
    return closed;
  }

  /**
   * Closes what is open of a tree. What had passed its deadline by then has expired, whatever anybody says of it
   * later. A row of the task and one of each task below it are written, and no lease's.
   */
  closeTree(root: TaskId, { at, outcome, by, reason, requestId }: TaskClosing): void {
    const why = [outcome, by, reason ?? null, requestId ?? null];
    const below = [outcomeForChild(outcome), `${root} was closed`];
    for (const row of this.#ledger.db.sql(CLOSE_TREE).all(at, root, ...why, ...below))
      this.#ledger.forgetTask(String(row['id']));
    // Nothing is alive there any more that would have to be decided again.
    if (parentOf(root) === undefined) {
      this.#ledger.db.sql('UPDATE tree_context SET due_since = NULL WHERE root = ?').run(root);
      this.#ledger.db.sql('DELETE FROM principal_facts WHERE root = ?').run(root);
    }
  }

  /** Marks as settled what is closed and has nothing outstanding any more, from this task upwards. */
  settleUpwards(id: TaskId, now: number): void {
    for (const task of lineageOf(id)) {
      if (this.#ledger.task(task)?.state !== 'closed' || this.#ledger.hasUnsettled(task)) continue;
      this.#ledger.db.sql("UPDATE task SET state = 'settled', settled_at = ? WHERE id = ?").run(now, task);
      this.#ledger.forgetTask(task);
    }
  }
}

/** Open, and not past its deadline either, whether or not the sweeper has been there. */
export const isOpen = (task: Task, now: number): boolean => task.state === 'open' && now < task.deadline;

/** The selector by which a closed task's leases are dead; what it names is over by the deadline. */
export const revocationOf = ({ id, deadline, closed }: Task, skewMs: number): Revocation => {
  const { at, by, reason, requestId } = closed!;
  return {
    ...taskSelector(id),
    cutoff: Infinity,
    mootAt: deadline + skewMs,
    at,
    by,
    ...(reason !== undefined && { reason }),
    ...(requestId !== undefined && { requestId }),
  };
};

const COUNT_STANDING = `SELECT ${STANDING_SQL} AS standing, count(*) AS n
  FROM lease l JOIN task t ON t.id = l.task_id WHERE l.task_id = ?2 GROUP BY 1`;

const UNSETTLED_BELOW = `EXISTS (SELECT 1 FROM lease WHERE ${UNSETTLED}
  AND (task_id = task.id OR (task_id > task.id || '.' AND task_id < task.id || '/')))`;

/** ?1 at, ?2 root, ?3 outcome, ?4 by, ?5 reason, ?6 request; ?7 outcome and ?8 reason of what is below the root. */
const CLOSE_TREE = `UPDATE task SET
    closed_at = min(deadline, ?1),
    outcome = CASE WHEN deadline <= ?1 THEN 'expired' WHEN id = ?2 THEN ?3 ELSE ?7 END,
    closed_by = iif(deadline <= ?1, 'mayfly', ?4),
    close_reason = CASE WHEN deadline <= ?1 THEN NULL WHEN id = ?2 THEN ?5 ELSE ?8 END,
    close_request = ?6,
    state = iif(${UNSETTLED_BELOW}, 'closed', 'settled'),
    settled_at = iif(${UNSETTLED_BELOW}, NULL, ?1)
  WHERE state = 'open' AND (id = ?2 OR (id > ?2 || '.' AND id < ?2 || '/'))
  RETURNING id`;

/** The first segment of a task's id. */
const ROOT_SQL = "substr(id, 1, instr(id || '.', '.') - 1)";
/** Our globs know one sign, SQLite's know more. */
const sqlGlob = (glob: string): string => glob.replaceAll(/[?[]/g, '[$&]');
