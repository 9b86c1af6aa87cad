// What time alone does, and the work of killing external credentials, lent out for a limited time.
import { AuditEntry } from '../../audit/entry.js';
import type { LeaseId, TaskId } from '../../domain/ids.js';
import { chance, requestId } from '../../domain/ids.js';
import type { LeaseEnding, LeaseState } from '../../domain/lease.js';
import { LEASE_TRANSITIONS, settledAs, standing } from '../../domain/lease.js';
import type { ClaimedLease, Retention, Settlement, Swept, WorkStore } from '../store.js';
import type { Row } from './database.js';
import type { Leases } from './leases.js';
import type { Ledger } from './ledger.js';
import { leaseFromRow, revocationFromRow } from './rows.js';
import { namedBy } from './standing.js';
import type { Tasks } from './tasks.js';

export class Work implements WorkStore {
  readonly #ledger: Ledger;
  readonly #tasks: Tasks;
  readonly #leases: Leases;
  readonly #retention: Retention;

  constructor(ledger: Ledger, tasks: Tasks, leases: Leases, retention: Retention) {
    this.#ledger = ledger;
    this.#tasks = tasks;
    this.#leases = leases;
    this.#retention = retention;
  }

  async sweep(limit: number): Promise<Swept> {
    const swept = await this.#ledger.db.transact(() => {
      const now = this.#ledger.peek();
      const expiredTasks = this.#expireTasks(now, limit);
      const changed =
        expiredTasks.length + this.#lapse(now, limit) + this.#walk(now, limit) + this.#purge(now, limit);
      return { expiredTasks, changed };
    });
    const nextDueAt = this.#nextDueAt();
    return { ...swept, ...(nextDueAt !== undefined && { nextDueAt }) };
  }

  #expireTasks(now: number, limit: number): TaskId[] {
    const due = this.#ledger.db
      .sql("SELECT id FROM task WHERE state = 'open' AND deadline <= ? ORDER BY deadline LIMIT ?")
      .all(now, limit)
      .map((row) => row['id'] as TaskId);
    for (const id of due) {
      const task = this.#ledger.task(id)!;
      if (task.state !== 'open') continue; // closed a moment ago, with its parent
      const entry = new AuditEntry(requestId(now), 'task.expire', { taskId: id });
      this.#tasks.close(task, { outcome: 'expired', by: 'mayfly' }, entry, this.#ledger.tick());
      this.#ledger.writeEvent(entry, { outcome: 'permitted', detail: { deadline: task.deadline } });
    }
    return due;
  }

  /** External credentials past their time, and mints that nobody came back from. */
  #lapse(now: number, limit: number): number {
    const lapsed = this.#ledger.db
      .sql("SELECT * FROM lease WHERE external = 1 AND state = 'active' AND expires_at <= ? LIMIT ?")
      .all(now, limit);
    for (const row of lapsed) {
      const lease = leaseFromRow(row);
      this.#leases.markRevoking(lease.id, { at: lease.expiresAt, cause: 'ttl' }, now);
    }
    const lost = this.#ledger.db
      .sql("SELECT id FROM lease WHERE state = 'reserved' AND mint_deadline <= ? LIMIT ?")
      .all(now, limit);
    for (const row of lost)
      this.#leases.markRevoking(row['id'] as LeaseId, { at: now, cause: 'mint_unknown' }, now);
    return lapsed.length + lost.length;
  }

  /** Brings the external leases that a kill named into `revoking`: the kill itself did not wait for this. */
  #walk(now: number, limit: number): number {
    let walked = 0;
    for (const row of this.#ledger.db
      .sql('SELECT rowid, * FROM revocation WHERE walked = 0 ORDER BY at')
      .all()) {
      const { kind, name, cutoff, at, reason, requestId: killedBy } = revocationFromRow(row);
      const { where, values } = namedBy({ kind, name });
      const named = this.#ledger.db
        .sql(
          `SELECT l.id FROM lease l
           WHERE l.external = 1 AND l.state IN ('reserved', 'active') AND l.issued_at <= ? AND ${where} LIMIT ?`,
        )
        .all(Math.min(cutoff, Number.MAX_SAFE_INTEGER), ...values, limit - walked);
      const ended: LeaseEnding = {
        at,
        cause: kind,
        name,
        ...(reason !== undefined && { reason }),
        ...(killedBy !== undefined && { requestId: killedBy }),
      };
      for (const lease of named) this.#leases.markRevoking(lease['id'] as LeaseId, ended, now);
      walked += named.length;
      if (walked >= limit) return walked;
      this.#ledger.db.sql('UPDATE revocation SET walked = 1 WHERE rowid = ?').run(row['rowid']!);
      if (kind === 'task') this.#tasks.settleUpwards(name as TaskId, now);
    }
    return walked;
  }

  #purge(now: number, limit: number): number {
    const { db } = this.#ledger;
    const { taskMs, leaseMs, auditMs } = this.#retention;
    const leases = this.#purgeLeases(now, now - leaseMs, limit);
    let purged = leases;
    // A wide selector tells how leases ended for as long as one of those is on record.
    if (leases < limit) {
      purged += db
        .sql(
          `DELETE FROM revocation WHERE walked = 1 AND rowid IN (
             SELECT rowid FROM revocation WHERE moot_at <= ? AND (kind IN ('task', 'lease') OR moot_at <= ?) LIMIT ?)`,
        )
        .run(now, now - leaseMs, limit).changes;
      this.#ledger.wide.prune(now - leaseMs);
    }
    const gone = db
      .sql(
        `DELETE FROM task WHERE id IN (SELECT id FROM task t WHERE closed_at <= ? AND state = 'settled'
           AND NOT EXISTS (SELECT 1 FROM lease WHERE task_id = t.id) ORDER BY closed_at LIMIT ?) RETURNING id`,
      )
      .all(now - taskMs, limit);
    for (const row of gone) this.#ledger.forgetTask(String(row['id']));
    purged += gone.length;
    purged += db
      .sql('DELETE FROM once WHERE key IN (SELECT key FROM once WHERE expires_at <= ? LIMIT ?)')
      .run(now, limit).changes;
    const oldest = db.sql('SELECT sequence, at FROM audit ORDER BY sequence LIMIT ?').all(limit);
    const last = oldest.findLast((row) => Number(row['at']) <= now - auditMs);
    if (last) purged += db.sql('DELETE FROM audit WHERE sequence <= ?').run(last['sequence']!).changes;
    return purged;
  }

  /** Leases that ended long ago go; their task keeps the count. */
  #purgeLeases(now: number, before: number, limit: number): number {
    const rows = this.#ledger.db
      .sql(
        `SELECT * FROM lease WHERE expires_at <= ? AND (external = 0 OR (state IN ('revoked', 'expired') AND confirmed_at <= ?1))
         ORDER BY expires_at LIMIT ?`,
      )
      .all(before, limit);
    const ends = new Map<string, number>();
    for (const row of rows) {
      const lease = leaseFromRow(row);
      const key = `${standing(lease, this.#ledger.killerOf(lease)?.at, now)} ${lease.taskId}`;
      ends.set(key, (ends.get(key) ?? 0) + 1);
      this.#ledger.db.sql('DELETE FROM lease WHERE n = ?').run(row['n']!);
    }
    for (const [key, count] of ends) {
      const [state, task] = key.split(' ') as ['revoked' | 'expired', string];
      this.#ledger.db.sql(`UPDATE task SET past_${state} = past_${state} + ? WHERE id = ?`).run(count, task);
    }
    return rows.length;
  }

  #nextDueAt(): number | undefined {
    const row = this.#ledger.db.sql(NEXT_DUE).get()!;
    return row['due'] === null ? undefined : Number(row['due']);
  }

  async claimDue(limit: number, windowMs: number): Promise<ClaimedLease[]> {
    const now = this.#ledger.peek();
    if (!this.#ledger.db.sql("SELECT 1 FROM lease WHERE state = 'revoking' AND due_at <= ? LIMIT 1").get(now))
      return [];
    return this.#ledger.db.transact(() =>
      this.#ledger.db
        .sql("SELECT * FROM lease WHERE state = 'revoking' AND due_at <= ? ORDER BY due_at LIMIT ?")
        .all(now, limit)
        .map((row) => this.#lend(row, now + windowMs)),
    );
  }

  #lend(row: Row, until: number): ClaimedLease {
    const claim = chance();
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
      this.#settle(row, settlement, this.#ledger.tick());
      return true;
    });
  }

  #settle(row: Row, settlement: Settlement, now: number): void {
    const { db } = this.#ledger;
    const lease = leaseFromRow(row);
    const mintDeadline = Number(row['mint_deadline'] ?? 0);
    if (settlement.kind === 'failed') {
      db.sql('UPDATE lease SET claim = NULL, attempts = attempts + 1, due_at = ? WHERE n = ?').run(
        now + settlement.retryAfterMs,
        row['n']!,
      );
      return;
    }
    if (settlement.kind === 'confirmed' && now < mintDeadline) {
      // A late mint may still come to be after this kill: once more when it no longer can.
      db.sql('UPDATE lease SET claim = NULL, due_at = ? WHERE n = ?').run(mintDeadline, row['n']!);
      return;
    }
    const change = settlement.kind === 'confirmed' ? 'confirm' : 'give_up';
    const to = LEASE_TRANSITIONS.revoking[change]!;
    const state: LeaseState = to === 'revoked' ? settledAs(lease.ended!.cause) : to;
    db.sql(
      'UPDATE lease SET state = ?, confirmed_at = ?, claim = NULL, due_at = NULL, sealed_secret = NULL WHERE n = ?',
    ).run(state, settlement.kind === 'confirmed' ? now : null, row['n']!);
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

const NEXT_DUE = `SELECT min(due) AS due FROM (
  SELECT min(deadline) AS due FROM task WHERE state = 'open'
  UNION ALL SELECT min(expires_at) FROM lease WHERE external = 1 AND state = 'active'
  UNION ALL SELECT min(mint_deadline) FROM lease WHERE state = 'reserved'
  UNION ALL SELECT min(due_at) FROM lease WHERE state = 'revoking'
  UNION ALL SELECT min(at) FROM revocation WHERE walked = 0)`;
