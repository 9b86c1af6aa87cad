// What time alone does, and the work of killing external credentials, lent out for a limited time.
import { AuditEntry } from '../../audit/entry.js';
import type { LeaseId, TaskId } from '../../domain/ids.js';
import { loanName, loanTime, requestId } from '../../domain/ids.js';
import type { LeaseState } from '../../domain/lease.js';
import { LEASE_TRANSITIONS, settledAs } from '../../domain/lease.js';
import type { ClaimedLease, Claimed, Retention, Settlement, Swept, WorkStore } from '../store.js';
import type { Row } from './database.js';
import type { Denials } from './denials.js';
import { endingBy, type Leases } from './leases.js';
import type { Ledger } from './ledger.js';
import { leaseFromRow, revocationFromRow } from './rows.js';
import { namedBy } from './standing.js';
import type { Tasks } from './tasks.js';

export interface WorkParts {
  readonly ledger: Ledger;
  readonly tasks: Tasks;
  readonly leases: Leases;
  readonly denials: Denials;
  readonly retention: Retention;
}

export class Work implements Pick<WorkStore, 'sweep' | 'claimDue' | 'settle'> {
  readonly #ledger: Ledger;
  readonly #tasks: Tasks;
  readonly #leases: Leases;
  readonly #denials: Denials;
  readonly #retention: Retention;

  constructor({ ledger, tasks, leases, denials, retention }: WorkParts) {
    this.#ledger = ledger;
    this.#tasks = tasks;
    this.#leases = leases;
    this.#denials = denials;
    this.#retention = retention;
  }

  /**
   * At the start: nobody else has the file, so whoever had borrowed is gone, and to wait until the loans run out would be
   * to leave alive what is known to be dead.
   */
  takeBackLoans(): void {
    this.#ledger.db
      .sql(
        "UPDATE lease SET claim = NULL, due_at = ended_at WHERE state = 'revoking' AND due_at > 0 AND claim IS NOT NULL",
      )
      .run();
  }

  sweep(limit: number): Promise<Swept> {
    return this.#ledger.db.transact(() => {
      const now = this.#ledger.now();
      const expiredTasks = this.#expireTasks(now, limit);
      const changed =
        expiredTasks.length + this.#lapse(now, limit) + this.#walk(now, limit) + this.#purge(now, limit);
      const due = this.#ledger.db.sql(NEXT_DUE).get()!['due'];
      return { expiredTasks, changed, ...(typeof due === 'number' && { nextDueAt: due }) };
    });
  }

  #expireTasks(now: number, limit: number): TaskId[] {
    // What lies deeper first: each task ends by its own deadline, in a transition of its own.
    const due = this.#ledger.db
      .sql("SELECT id FROM task WHERE state = 'open' AND deadline <= ? ORDER BY deadline, id DESC LIMIT ?")
      .all(now, limit)
      .map((row) => row['id'] as TaskId);
    for (const id of due) {
      const task = this.#ledger.task(id)!;
      const entry = new AuditEntry(requestId(now), 'task.expire', { taskId: id });
      this.#tasks.close(task, { outcome: 'expired', by: 'mayfly' }, entry, now);
      this.#ledger.writeEvent(entry, { outcome: 'permitted', detail: { deadline: task.deadline } });
    }
    return due;
  }

  /** External credentials past their time, and mints that nobody came back from. */
  #lapse(now: number, limit: number): number {
    const lapsed = this.#ledger.db
      .sql(
        "SELECT * FROM lease WHERE external = 1 AND state IN ('reserved', 'active') AND expires_at <= ? LIMIT ?",
      )
      .all(now, limit);
    const lost = this.#ledger.db
      .sql("SELECT * FROM lease WHERE state = 'reserved' AND mint_deadline <= ? LIMIT ?")
      .all(now, limit);
    for (const row of [...lapsed, ...lost])
      this.#leases.recordEnding(row, now, { at: now, cause: 'mint_unknown' });
    return lapsed.length + lost.length;
  }

  /** Brings the external leases that a kill named into `revoking`: the kill itself did not wait for this. */
  #walk(now: number, limit: number): number {
    let walked = 0;
    for (const row of this.#ledger.db
      .sql('SELECT rowid, * FROM revocation WHERE walked = 0 ORDER BY at')
      .all()) {
      const revocation = revocationFromRow(row);
      const { where, values } = namedBy(revocation);
      const named = this.#ledger.db
        .sql(`${LIVE_EXTERNAL} AND ${where} LIMIT ?`)
        .all(Math.min(revocation.cutoff, Number.MAX_SAFE_INTEGER), revocation.at, ...values, limit - walked);
      for (const lease of named) this.#leases.recordEnding(lease, now, endingBy(revocation));
      walked += named.length;
      if (walked >= limit) break;
      this.#ledger.db.sql('UPDATE revocation SET walked = 1 WHERE rowid = ?').run(row['rowid']!);
    }
    return walked;
  }

  #purge(now: number, limit: number): number {
    const { db } = this.#ledger;
    const { taskMs, leaseMs, auditMs } = this.#retention;
    const leases = this.#purgeLeases(now, now - leaseMs, limit);
    let purged = leases;
    // A wide selector tells how leases ended for as long as one of those is on record, a key's for good.
    if (leases < limit) {
      const pruned = db.sql(PRUNE_REVOCATIONS).run(now, now - leaseMs, limit).changes;
      if (pruned > 0) this.#ledger.readRevocations();
      purged += pruned;
    }
    const gone = db.sql(PURGE_TASKS).all(now - taskMs, now - this.#ledger.skewMs, limit);
    for (const row of gone) {
      this.#ledger.forgetTask(String(row['id']));
      db.sql('DELETE FROM instance_binding WHERE root = ?').run(String(row['id']));
      this.#ledger.contexts.delete(String(row['id']));
    }
    purged += gone.length;
    purged += db
      .sql('DELETE FROM once WHERE key IN (SELECT key FROM once WHERE expires_at <= ? LIMIT ?)')
      .run(now, limit).changes;
    purged += this.#denials.purge(now, limit);
    return purged + db.sql(PURGE_AUDIT).run(now - auditMs, limit).changes;
  }

  /** Leases that ended long ago go; their task keeps the count. */
  #purgeLeases(now: number, before: number, limit: number): number {
    const rows = this.#ledger.db.sql(PURGEABLE_LEASES).all(before, limit);
    const ends = new Map<string, number>();
    for (const row of rows) {
      const { state, taskId } = this.#leases.seen(row, now);
      const key = `${state} ${taskId}`;
      ends.set(key, (ends.get(key) ?? 0) + 1);
      this.#ledger.db.sql('DELETE FROM lease WHERE n = ?').run(row['n']!);
    }
    for (const [key, count] of ends) {
      const [state, task] = key.split(' ') as ['revoked' | 'expired', string];
      this.#ledger.db.sql(`UPDATE task SET past_${state} = past_${state} + ? WHERE id = ?`).run(count, task);
    }
    return rows.length;
  }

  claimDue(limit: number, windowMs: number): Promise<ClaimedLease[]> {
    return this.#ledger.db.transact(() => this.#claim(this.#ledger.now(), limit, windowMs));
  }

  claimEnded(limit: number, windowMs: number): Promise<Claimed> {
    return this.#ledger.db.transact(() => {
      const now = this.#ledger.now();
      const walked = this.#walk(now, limit);
      const claimed = this.#claim(now, limit, windowMs);
      return { claimed, more: walked >= limit || claimed.length >= limit };
    });
  }

  #claim(now: number, limit: number, windowMs: number): ClaimedLease[] {
    return this.#ledger.db
      .sql("SELECT * FROM lease WHERE state = 'revoking' AND due_at <= ? ORDER BY due_at LIMIT ?")
      .all(now, limit)
      .map((row) => this.#lend(row, now, now + windowMs));
  }

  #lend(row: Row, now: number, until: number): ClaimedLease {
    const claim = loanName(now);
    this.#ledger.db.sql('UPDATE lease SET due_at = ?, claim = ? WHERE n = ?').run(until, claim, row['n']!);
    const sealed = row['sealed_secret'];
    return {
      lease: leaseFromRow(row),
      claim,
      attempts: Number(row['attempts']),
      ...(sealed !== null && { sealedSecret: String(sealed) }),
    };
  }

  settle(id: LeaseId, claim: string, settlement: Settlement): Promise<boolean> {
    return this.#ledger.db.transact(() => {
      const row = this.#ledger.leaseRow(id);
      if (!row || row['claim'] !== claim) return false;
      this.#settle(row, settlement, this.#ledger.now());
      return true;
    });
  }

  #settle(row: Row, settlement: Settlement, now: number): void {
    const { db } = this.#ledger;
    const lease = leaseFromRow(row);
    const mintDeadline = Number(row['mint_deadline'] ?? 0);
    if ('retryAfterMs' in settlement) {
      db.sql(LEND_AGAIN).run(
        settlement.kind === 'failed' ? 1 : 0,
        settlement.kind === 'accepted' ? now : null,
        now + settlement.retryAfterMs,
        row['n']!,
      );
      return;
    }
    if (settlement.kind === 'confirmed' && loanTime(String(row['claim'])) < mintDeadline) {
      // A late mint may have come to be after a kill that began before its deadline, whenever that was confirmed:
      // once more when it no longer can.
      const dueAt = Math.max(mintDeadline, now);
      db.sql('UPDATE lease SET claim = NULL, due_at = ? WHERE n = ?').run(dueAt, row['n']!);
      return;
    }
    const change = settlement.kind === 'confirmed' ? 'confirm' : 'give_up';
    const to = LEASE_TRANSITIONS.revoking[change]!;
    const state: LeaseState = to === 'revoked' ? settledAs(lease.ended!.cause) : to;
    const confirmedAt = settlement.kind === 'confirmed' ? now : null;
    db.sql(SETTLE).run(state, confirmedAt, row['n']!);
    const entry = new AuditEntry(requestId(now), 'lease.settle', {
      taskId: lease.taskId,
      leaseId: lease.id,
      tool: lease.tool,
    });
    this.#ledger.writeEvent(
      entry,
      settlement.kind === 'confirmed'
        ? { outcome: 'permitted', detail: { state } }
        : { outcome: 'failed', detail: { state, error: settlement.error } },
    );
    this.#tasks.settleUpwards(lease.taskId, now);
  }
}

const LEND_AGAIN = `UPDATE lease SET claim = NULL, attempts = attempts + ?1, accepted_at = ifnull(?2, accepted_at),
  due_at = ?3 WHERE n = ?4`;

/** An irrevocable one keeps its secret: without it, it could not be tried again. */
const SETTLE = `UPDATE lease SET state = ?1, confirmed_at = ?2, claim = NULL, due_at = NULL,
  sealed_secret = CASE WHEN ?2 IS NULL THEN sealed_secret END WHERE n = ?3`;

/**
 * Word for word the condition of an index that holds external leases alone: tokens may be many, and nobody has to
 * go and kill them. The plus keeps the planner from walking along all the others by their expiry.
 */
const LIVE_EXTERNAL = `SELECT l.* FROM lease l
  WHERE l.external = 1 AND l.state IN ('reserved', 'active') AND l.issued_at <= ? AND +l.expires_at > ?`;

const NEXT_DUE = `SELECT min(due) AS due FROM (
  SELECT min(deadline) AS due FROM task WHERE state = 'open'
  UNION ALL SELECT min(expires_at) FROM lease WHERE external = 1 AND state IN ('reserved', 'active')
  UNION ALL SELECT min(mint_deadline) FROM lease WHERE state = 'reserved'
  UNION ALL SELECT min(due_at) FROM lease WHERE state = 'revoking'
  UNION ALL SELECT min(at) FROM revocation WHERE walked = 0)`;

const PURGEABLE_LEASES = `SELECT * FROM lease
  WHERE expires_at <= ?1 AND (external = 0
    OR (state IN ('revoked', 'expired') AND ifnull(confirmed_at, ended ->> '$.forced.at') <= ?1))
  ORDER BY expires_at LIMIT ?2`;

/** ?1 now, ?2 the end of the retention of leases, ?3 limit. */
const PRUNE_REVOCATIONS = `DELETE FROM revocation WHERE rowid IN (SELECT rowid FROM revocation
  WHERE moot_at <= ?1 AND walked = 1 AND kind <> 'key' AND (kind IN ('task', 'lease') OR moot_at <= ?2) LIMIT ?3)`;

/** ?1 the end of their retention, ?2 the time by which a kill of theirs is moot, ?3 limit. */
const PURGE_TASKS = `DELETE FROM task WHERE id IN (SELECT id FROM task t
  WHERE closed_at <= ?1 AND deadline <= ?2 AND state = 'settled'
    AND NOT EXISTS (SELECT 1 FROM lease WHERE task_id = t.id)
  ORDER BY closed_at LIMIT ?3) RETURNING id`;

/**
 * ?1 the end of their retention, ?2 limit. The log is in the order of time. The newest event stays, because the next
 * one is numbered after it: AUTOINCREMENT would write to a table of its own at every event.
 */
const PURGE_AUDIT = `DELETE FROM audit WHERE at <= ?1 AND sequence < (SELECT max(sequence) FROM audit)
  AND sequence IN (SELECT sequence FROM audit ORDER BY sequence LIMIT ?2)`;
