// Kills in the embedded store: one row each, whatever they name; the fence keeps later leases out of their reach.
import type { AuditEntry } from '../../audit/entry.js';
import type { LeaseId, PrincipalName, TaskId } from '../../domain/ids.js';
import type { LeaseEnding } from '../../domain/lease.js';
import { standing } from '../../domain/lease.js';
import { Refusal } from '../../domain/refusal.js';
import type { Revocation, Selector } from '../../domain/selector.js';
import { selectorText, WIDE_KINDS } from '../../domain/selector.js';
import type { Kill, LeaseCount, Quarantine, RevocationStore } from '../store.js';
import type { Leases } from './leases.js';
import { MIRRORED_KINDS, type Ledger } from './ledger.js';
import { insertSql, leaseFromRow, revocationFromRow } from './rows.js';
import { ALIVE_UNTIL_SQL, namedBy } from './standing.js';
import type { Tasks } from './tasks.js';

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
  cutoff = max(ifnull(cutoff, 9e15), ifnull(excluded.cutoff, 9e15)), moot_at = max(moot_at, excluded.moot_at)`;

export class Revocations implements RevocationStore {
  readonly #ledger: Ledger;
  readonly #tasks: Tasks;
  readonly #leases: Leases;

  constructor(ledger: Ledger, tasks: Tasks, leases: Leases) {
    this.#ledger = ledger;
    this.#tasks = tasks;
    this.#leases = leases;
  }

  async revoke(kill: Kill, entry: AuditEntry): Promise<Revocation> {
    const revocation = await this.#ledger.transition(
      entry,
      () => {
        const now = this.#ledger.tick();
        if (kill.quarantine) this.#quarantine(kill, now);
        return this.#kill(kill, entry, now);
      },
      ({ at, cutoff }) => ({
        detail: { select: selectorText(kill.select), at, ...(cutoff !== Infinity && { cutoff }) },
      }),
    );
    return revocation as Revocation;
  }

  #kill(kill: Kill, entry: AuditEntry, now: number): Revocation {
    const { kind, name } = kill.select;
    const revocation: Revocation = {
      kind,
      name,
      cutoff: WIDE_KINDS.has(kind) ? now : Infinity,
      mootAt: this.#ledger.mootAfterAll(now),
      at: now,
      by: kill.by,
      ...(kill.reason !== undefined && { reason: kill.reason }),
      requestId: entry.requestId,
    };
    if (kind === 'task') return this.#killTask(revocation, kill, entry);
    if (kind === 'lease') return this.#killLease(revocation);
    this.#write(revocation);
    return revocation;
  }

  #killTask(revocation: Revocation, kill: Kill, entry: AuditEntry): Revocation {
    const task = this.#ledger.task(revocation.name);
    if (!task) {
      this.#write(revocation);
      return revocation;
    }
    const { by, reason } = kill;
    const closed = this.#tasks.close(
      task,
      { outcome: 'revoked', by, ...(reason !== undefined && { reason }) },
      entry,
      revocation.at,
    );
    return { ...revocation, at: closed.closed!.at, mootAt: task.deadline + this.#ledger.skewMs };
  }

  #killLease(revocation: Revocation): Revocation {
    const row = this.#ledger.leaseRow(revocation.name as LeaseId);
    if (!row) {
      this.#write(revocation);
      return revocation;
    }
    const lease = leaseFromRow(row);
    const { at, reason, requestId } = revocation;
    const state = standing(lease, this.#ledger.killerOf(lease)?.at, at);
    const known = { ...revocation, at: lease.ended?.at ?? at, mootAt: lease.expiresAt + this.#ledger.skewMs };
    if (state !== 'active' && state !== 'reserved') return known;

    const ended: LeaseEnding = {
      at,
      cause: 'lease',
      name: lease.id,
      ...(reason !== undefined && { reason }),
      ...(requestId !== undefined && { requestId }),
    };
    if (row['external'] === 1) this.#leases.markRevoking(lease.id, ended, at);
    else {
      this.#ledger.db
        .sql("UPDATE lease SET state = 'revoked', ended_at = ?, ended = ?, confirmed_at = ? WHERE id = ?")
        .run(at, JSON.stringify(ended), at, lease.id);
    }
    this.#write(known, true);
    return known;
  }

  #write(revocation: Revocation, walked = !this.#namesExternal(revocation)): void {
    const { kind, name, cutoff, mootAt, at, by, reason, requestId } = revocation;
    this.#ledger.db
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
    if ((MIRRORED_KINDS as readonly string[]).includes(kind)) this.#ledger.wide.add(revocation);
    if (cutoff !== Infinity) this.#ledger.raiseFence(cutoff);
  }

  #namesExternal(select: Selector): boolean {
    const { where, values } = namedBy(select);
    return (
      this.#ledger.db
        .sql(
          `SELECT 1 FROM lease l WHERE l.external = 1 AND l.state IN ('reserved', 'active') AND ${where} LIMIT 1`,
        )
        .get(...values) !== undefined
    );
  }

  #quarantine({ select, by, reason }: Kill, now: number): void {
    this.#ledger.db
      .sql('INSERT INTO quarantine VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING')
      .run(select.name, now, by, reason ?? null);
    this.#ledger.quarantined.add(select.name);
  }

  countSelected(select: Selector, killed?: Revocation): Promise<LeaseCount> {
    const { where, values } = namedBy(select);
    // A preview asks for what is alive after everything that has happened by now.
    const until = killed?.at ?? this.#ledger.peek() + 1;
    const counted = this.#ledger.db
      .sql(
        `SELECT count(*) FILTER (WHERE l.external = 0) AS tokens, count(*) FILTER (WHERE l.external = 1) AS external
         FROM lease l JOIN task t ON t.id = l.task_id WHERE ${ALIVE_UNTIL_SQL} AND ${where}`,
      )
      .get(until, ...values)!;
    return Promise.resolve({ tokens: Number(counted['tokens']), external: Number(counted['external']) });
  }

  revocations(): Promise<{ epoch: string; entries: Revocation[] }> {
    const { epoch } = this.#ledger.db.sql('SELECT epoch FROM meta').get() as { epoch: string };
    const rows = this.#ledger.db.sql('SELECT * FROM revocation WHERE moot_at > ?').all(this.#ledger.peek());
    return Promise.resolve({ epoch, entries: rows.map(revocationFromRow) });
  }

  async restoreRevocations(entries: readonly Revocation[]): Promise<void> {
    await this.#ledger.db.transact(() => {
      for (const entry of entries) this.#restore(entry);
    });
  }

  #restore(entry: Revocation): void {
    const { kind, name, by, reason, at } = entry;
    this.#ledger.db
      .sql(
        `UPDATE task SET state = 'closed', closed_at = min(?, deadline), outcome = 'revoked', closed_by = ?, close_reason = ?
         WHERE state = 'open' AND ? = 'task' AND (id = ? OR (id > ? AND id < ?))`,
      )
      .run(at, by, reason ?? null, kind, name, `${name}.`, `${name}/`);
    if (kind === 'task') {
      this.#ledger.forgetTree(name as TaskId);
      this.#tasks.settleUpwards(name as TaskId, this.#ledger.tick());
    }
    if (kind === 'lease') this.#killLease(entry);
    else this.#write(entry);
  }

  quarantines(): Promise<Quarantine[]> {
    const rows = this.#ledger.db.sql('SELECT * FROM quarantine ORDER BY since DESC').all();
    return Promise.resolve(
      rows.map(({ agent, since, by, reason }) => ({
        agent: String(agent),
        since: Number(since),
        by: String(by) as PrincipalName,
        ...(reason !== null && { reason: String(reason) }),
      })),
    );
  }

  liftQuarantine(agent: string, entry: AuditEntry): Promise<Quarantine | Refusal> {
    return this.#ledger.transition(
      entry,
      () => {
        const row = this.#ledger.db.sql('DELETE FROM quarantine WHERE agent = ? RETURNING *').get(agent);
        if (!row) return new Refusal('quarantine_unknown', `${agent} is not in quarantine`);
        this.#ledger.quarantined.delete(agent);
        return { agent, since: Number(row['since']), by: String(row['by']) as PrincipalName };
      },
      () => ({ detail: { agent } }),
    );
  }
}
