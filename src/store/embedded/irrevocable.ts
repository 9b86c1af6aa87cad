// What humans do about leases that could not be killed: have it tried again, or say that it is done.
import type { AuditEntry } from '../../audit/entry.js';
import type { LeaseId } from '../../domain/ids.js';
import type { Lease, LeaseEnding } from '../../domain/lease.js';
import { LEASE_TRANSITIONS } from '../../domain/lease.js';
import { Refusal } from '../../domain/refusal.js';
import type { Word, WorkStore } from '../store.js';
import type { Row } from './database.js';
import type { Ledger } from './ledger.js';
import { leaseFromRow } from './rows.js';

export class Irrevocable implements Pick<WorkStore, 'retryLease' | 'forceLease' | 'countIrrevocable'> {
  readonly #ledger: Ledger;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  retryLease(id: LeaseId, entry: AuditEntry): Promise<Lease | Refusal> {
    return this.#change(id, entry, ({ n }, lease, now) => {
      const state = LEASE_TRANSITIONS.irrevocable.retry!;
      this.#ledger.db
        .sql('UPDATE lease SET state = ?, attempts = 0, due_at = ? WHERE n = ?')
        .run(state, now, n!);
      return { ...lease, state };
    });
  }

  forceLease(id: LeaseId, { by, reason }: Word, entry: AuditEntry): Promise<Lease | Refusal> {
    return this.#change(id, entry, ({ n }, lease, now) => {
      const state = LEASE_TRANSITIONS.irrevocable.force!;
      const { requestId } = entry;
      const ended: LeaseEnding = { ...lease.ended!, forced: { at: now, by, reason, requestId } };
      this.#ledger.db
        .sql('UPDATE lease SET state = ?, ended = ?, sealed_secret = NULL WHERE n = ?')
        .run(state, JSON.stringify(ended), n!);
      return { ...lease, state, ended };
    });
  }

  #change(
    id: LeaseId,
    entry: AuditEntry,
    change: (row: Row, lease: Lease, now: number) => Lease,
  ): Promise<Lease | Refusal> {
    return this.#ledger.transition(
      entry,
      () => {
        const row = this.#ledger.leaseRow(id);
        if (!row) return new Refusal('lease_unknown', `no lease ${id}`);
        const lease = leaseFromRow(row);
        if (lease.state !== 'irrevocable')
          return new Refusal('lease_not_irrevocable', 'it is not irrevocable');
        return change(row, lease, this.#ledger.now());
      },
      ({ taskId, state }) => ({ taskId, leaseId: id, detail: { state } }),
    );
  }

  countIrrevocable(): Promise<number> {
    return this.#ledger.db.read(() =>
      Number(this.#ledger.db.sql("SELECT count(*) AS n FROM lease WHERE state = 'irrevocable'").get()!['n']),
    );
  }
}
