// Kills in the embedded store: one row each, whatever they name; the fence keeps later leases out of their reach.
import type { AuditEntry } from '../../audit/entry.js';
import type { LeaseId, PrincipalName, TaskId } from '../../domain/ids.js';
import { Refusal } from '../../domain/refusal.js';
import type { Revocation } from '../../domain/revocation.js';
import type { Selector } from '../../domain/selector.js';
import { selectorText, WIDE_KINDS } from '../../domain/selector.js';
import type { Kill, LeaseCount, Quarantine, RevocationStore } from '../store.js';
import type { Row } from './database.js';
import { endingBy, type Leases } from './leases.js';
import type { Ledger } from './ledger.js';
import { revocationFromRow } from './rows.js';
import { ALIVE_SQL, ALIVE_UNTIL_SQL, namedBy } from './standing.js';
import { revocationOf, type Tasks } from './tasks.js';

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
        // Agents release leases all the time; only an operator's kill is rare enough for a millisecond of its own.
        const now = kill.select.kind === 'lease' ? this.#ledger.now() : this.#ledger.nextMillisecond();
        if (kill.quarantine && kill.select.kind === 'agent') this.#quarantine(kill, now);
        return this.#kill(kill, entry, now);
      },
      ({ at, cutoff }) => ({
        detail: { select: selectorText(kill.select), at, ...(cutoff !== Infinity && { cutoff }) },
      }),
      'first',
    );
    return revocation as Revocation;
  }

  #kill({ select: { kind, name }, by, reason }: Kill, entry: AuditEntry, now: number): Revocation {
    const task = kind === 'task' ? this.#ledger.task(name) : undefined;
    if (task) {
      const closing = { outcome: 'revoked' as const, by, ...(reason !== undefined && { reason }) };
      return revocationOf(this.#tasks.close(task, closing, entry, now), this.#ledger.skewMs);
    }
    const revocation: Revocation = {
      kind,
      name,
      cutoff: WIDE_KINDS.has(kind) ? now : Infinity,
      mootAt: this.#ledger.mootAfterAll(now),
      at: now,
      by,
      ...(reason !== undefined && { reason }),
      requestId: entry.requestId,
    };
    const row = kind === 'lease' ? this.#ledger.leaseRow(name as LeaseId) : undefined;
    if (row) return this.#killLease(row, revocation);
    const known = this.#inForce(revocation);
    if (known) return known;
    // Whether it names an external lease is for the sweeper to find out: a kill looks at none.
    this.#ledger.addRevocation(revocation, false);
    return revocation;
  }

  /** What names something that is over for good is not said twice. */
  #inForce({ kind, name, cutoff, at }: Revocation): Revocation | undefined {
    if (cutoff !== Infinity) return undefined;
    const row = this.#ledger.db
      .sql(
        'SELECT * FROM revocation WHERE kind = ? AND name = ? AND cutoff IS NULL AND moot_at > ? ORDER BY at LIMIT 1',
      )
      .get(kind, name, at);
    return row && revocationFromRow(row);
  }

  /** A lease that is dead already stays as it died: the first ending stands. */
  #killLease(row: Row, revocation: Revocation): Revocation {
    const { ended, expiresAt } = this.#leases.seen(row, revocation.at);
    const mootAt = expiresAt + this.#ledger.skewMs;
    if (ended) return { ...revocation, at: ended.at, mootAt };
    const killed = { ...revocation, mootAt };
    this.#endLease(row, killed);
    this.#ledger.addRevocation(killed, true);
    return killed;
  }

  #endLease(row: Row, revocation: Revocation): void {
    const { at } = revocation;
    const ending = endingBy(revocation);
    if (row['external'] === 1) return this.#leases.recordEnding(row, at, ending);
    this.#ledger.db
      .sql("UPDATE lease SET state = 'revoked', ended_at = ?, ended = ?, confirmed_at = ? WHERE n = ?")
      .run(at, JSON.stringify(ending), at, row['n']!);
  }

  #quarantine({ select, by, reason }: Kill, now: number): void {
    this.#ledger.db
      .sql('INSERT INTO quarantine VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING')
      .run(select.name, now, by, reason ?? null);
    this.#ledger.quarantined.add(select.name);
  }

  countSelected(select: Selector, killed?: Revocation): Promise<LeaseCount> {
    const { where, values } = namedBy(select);
    const sql = `SELECT count(*) FILTER (WHERE l.external = 0) AS tokens, count(*) FILTER (WHERE l.external = 1) AS external
      FROM lease l JOIN task t ON t.id = l.task_id WHERE ${killed ? ALIVE_UNTIL_SQL : ALIVE_SQL} AND ${where}`;
    return this.#ledger.db.read(() => {
      const counted = this.#ledger.db.sql(sql).get(killed?.at ?? this.#ledger.now(), ...values)!;
      return { tokens: Number(counted['tokens']), external: Number(counted['external']) };
    });
  }

  revocations(): Promise<{ epoch: string; entries: Revocation[] }> {
    const { db } = this.#ledger;
    return db.read(() => ({
      epoch: String(db.sql('SELECT epoch FROM meta').get()!['epoch']),
      entries: db
        .sql('SELECT * FROM revocation WHERE moot_at > ?')
        .all(this.#ledger.now())
        .map(revocationFromRow),
    }));
  }

  /** What was committed before is told in the order of the commits: by the end of this one all of it is. */
  asOf(): Promise<{ epoch: string; asOf: number; now: number }> {
    const { db } = this.#ledger;
    return db.transact(() => {
      this.#ledger.touch();
      const now = this.#ledger.now();
      return { epoch: String(db.sql('SELECT epoch FROM meta').get()!['epoch']), asOf: now, now };
    });
  }

  async restoreRevocations(entries: readonly Revocation[]): Promise<void> {
    await this.#ledger.db.transact(() => {
      for (const entry of entries) this.#restore(entry);
    });
  }

  #restore(entry: Revocation): void {
    // Time that others have seen is not seen again.
    this.#ledger.raiseFence(entry.at - 1);
    if (entry.mootAt <= this.#ledger.now()) return;
    this.#ledger.addRevocation(entry, false);
    if (entry.kind === 'task') this.#tasks.closeTree(entry.name as TaskId, { ...entry, outcome: 'revoked' });
    const row = entry.kind === 'lease' ? this.#ledger.leaseRow(entry.name as LeaseId) : undefined;
    if (row && !this.#leases.seen(row, this.#ledger.now()).ended) this.#endLease(row, entry);
  }

  quarantines(): Promise<Quarantine[]> {
    return this.#ledger.db.read(() =>
      this.#ledger.db.sql('SELECT * FROM quarantine ORDER BY since DESC, agent').all().map(quarantineFromRow),
    );
  }

  liftQuarantine(agent: string, entry: AuditEntry): Promise<Quarantine | Refusal> {
    return this.#ledger.transition(
      entry,
      () => {
        const row = this.#ledger.db.sql('DELETE FROM quarantine WHERE agent = ? RETURNING *').get(agent);
        if (!row) return new Refusal('quarantine_unknown', `${agent} is not in quarantine`);
        this.#ledger.quarantined.delete(agent);
        return quarantineFromRow(row);
      },
      () => ({ detail: { agent } }),
    );
  }
}

const quarantineFromRow = ({ agent, since, by, reason }: Row): Quarantine => ({
  agent: String(agent),
  since: Number(since),
  by: String(by) as PrincipalName,
  ...(reason !== null && { reason: String(reason) }),
});
