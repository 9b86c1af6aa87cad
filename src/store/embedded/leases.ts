// Leases in the embedded store: issue, reserve, activate, renew, and how each stands.
import type { AuditEntry } from '../../audit/entry.js';
import type { LeaseId } from '../../domain/ids.js';
import { chance, leaseId, slotOf } from '../../domain/ids.js';
import type { ActiveLease, Lease, LeaseEnding, ReservedLease } from '../../domain/lease.js';
import { expiryOf, isExternal, LEASE_TRANSITIONS, standing } from '../../domain/lease.js';
import { Refusal } from '../../domain/refusal.js';
import type { Task } from '../../domain/task.js';
import type { Activation, LeaseQuery, LeaseRequest, LeaseStore, Renewal } from '../store.js';
import type { Row, Value } from './database.js';
import { inTree, treeBounds, type Ledger } from './ledger.js';
import { insertSql, leaseFromRow, leaseTerms } from './rows.js';
import { STANDING_SQL } from './standing.js';
import { isOpen } from './tasks.js';

const INSERT_LEASE = insertSql('lease', [
  'id',
  'task_id',
  'agent',
  'actors',
  'tool',
  'trust',
  'key_id',
  'kind',
  'external',
  'state',
  'issued_at',
  'expires_at',
  'terms',
  'mint_deadline',
]);

export class Leases implements LeaseStore {
  readonly #ledger: Ledger;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  issueLease(request: LeaseRequest, entry: AuditEntry): Promise<ActiveLease | Refusal> {
    return this.#ledger.transition(
      entry,
      () => this.#create(request, entry, 'active') as ActiveLease | Refusal,
      (lease) => ({ leaseId: lease.id, detail: { expires_at: lease.expiresAt } }),
    );
  }

  reserveLease(
    request: LeaseRequest & { mintDeadlineMs: number },
    entry: AuditEntry,
  ): Promise<ReservedLease | Refusal> {
    return this.#ledger.transition(
      entry,
      () => this.#create(request, entry, 'reserved', request.mintDeadlineMs) as ReservedLease | Refusal,
      (lease) => ({ leaseId: lease.id, detail: { expires_at: lease.expiresAt, stage: 'reserved' } }),
    );
  }

  #create(
    request: LeaseRequest,
    entry: AuditEntry,
    state: 'active' | 'reserved',
    mintDeadlineMs?: number,
  ): Lease | Refusal {
    const issuedAt = this.#ledger.tick();
    const task = this.#ledger.task(request.taskId);
    const refused = this.#mayHold(request, task, issuedAt);
    if (refused) return refused;
    const expiresAt = expiryOf(issuedAt, request.ttlMs, task!.deadline);
    if (expiresAt === undefined) return new Refusal('task_ending', 'less than a second of the task is left');

    const { ttlMs: _, ...facts } = request;
    const id = leaseId(issuedAt, slotOf(request.taskId), chance());
    const lease: Lease = { ...facts, id, requestId: entry.requestId, issuedAt, expiresAt, state };
    this.#ledger.db
      .sql(INSERT_LEASE)
      .run(
        id,
        lease.taskId,
        lease.agent,
        lease.actors.length > 0 ? JSON.stringify(lease.actors) : null,
        lease.tool,
        lease.trust,
        lease.keyId ?? null,
        lease.kind,
        isExternal(lease.kind) ? 1 : 0,
        state,
        issuedAt,
        expiresAt,
        leaseTerms(lease),
        mintDeadlineMs === undefined ? null : issuedAt + mintDeadlineMs,
      );
    return lease;
  }

  /** What must hold at the very point in time of issuance, and again at renewal. */
  #mayHold(
    request: Pick<Lease, 'agent' | 'actors' | 'taskId'> & { readonly keyId?: string },
    task: Task | undefined,
    now: number,
  ): Refusal | undefined {
    if (!task) return new Refusal('task_unknown', `no task ${request.taskId}`);
    if (!isOpen(task, now)) return new Refusal('task_closed', `the task is ${task.state}`);
    const quarantined = [request.agent, ...request.actors].find((agent) =>
      this.#ledger.quarantined.has(agent),
    );
    if (quarantined !== undefined) return new Refusal('agent_quarantined', `${quarantined} is in quarantine`);
    if (request.keyId !== undefined && this.#ledger.wide.has({ kind: 'key', name: request.keyId })) {
      return new Refusal('key_revoked', `key ${request.keyId} was revoked`);
    }
    return undefined;
  }

  activateLease(id: LeaseId, activation: Activation, entry: AuditEntry): Promise<ActiveLease | Refusal> {
    return this.#ledger.transition(
      entry,
      () => this.#activate(id, activation),
      (lease) => ({ leaseId: lease.id, detail: { expires_at: lease.expiresAt, stage: 'active' } }),
    );
  }

  #activate(id: LeaseId, activation: Activation): ActiveLease | Refusal {
    const now = this.#ledger.tick();
    const row = this.#ledger.leaseRow(id);
    if (!row) return new Refusal('lease_unknown', `no lease ${id}`);
    const lease = leaseFromRow(row);
    const killer = this.#ledger.killerOf(lease);
    const late = now >= Number(row['mint_deadline']);
    if (lease.state === 'reserved' && (killer || late || now >= lease.expiresAt)) {
      // The fresh secret must die: the sweeper finds it here.
      const ended: LeaseEnding = killer
        ? { at: killer.at, cause: killer.kind, name: killer.name }
        : { at: now, cause: late ? 'mint_unknown' : 'ttl' };
      this.markRevoking(id, ended, now, activation.sealedSecret);
    }
    if (lease.state !== 'reserved' && activation.sealedSecret !== undefined && lease.state === 'revoking') {
      this.#ledger.db.sql('UPDATE lease SET sealed_secret = ? WHERE id = ?').run(activation.sealedSecret, id);
    }
    const after = this.#ledger.leaseRow(id)!;
    const to = LEASE_TRANSITIONS[after['state'] as Lease['state']].activate;
    if (to === undefined) return new Refusal('lease_ended', `the lease is ${String(after['state'])}`);

    const expiresAt = Math.min(lease.expiresAt, activation.expiresAt ?? Infinity);
    this.#ledger.db
      .sql('UPDATE lease SET state = ?, expires_at = ?, sealed_secret = ?, mint_deadline = NULL WHERE id = ?')
      .run(to, expiresAt, activation.sealedSecret ?? null, id);
    return { ...lease, state: 'active', expiresAt };
  }

  async abandonLease(id: LeaseId, cause: 'mint_failed' | 'mint_unknown', entry: AuditEntry): Promise<void> {
    await this.#ledger.transition(
      entry,
      () => {
        const now = this.#ledger.tick();
        const row = this.#ledger.leaseRow(id);
        if (row?.['state'] === 'reserved') this.markRevoking(id, { at: now, cause }, now);
        return true;
      },
      () => ({ leaseId: id, detail: { stage: cause } }),
    );
  }

  /** Into `revoking`, due at once. A mint that may still be under way keeps its deadline: see `settle`. */
  markRevoking(id: LeaseId, ended: LeaseEnding, now: number, sealedSecret?: string): void {
    this.#ledger.db
      .sql(
        `UPDATE lease SET state = 'revoking', ended_at = ?, ended = ?, due_at = ?, sealed_secret = ifnull(?, sealed_secret)
         WHERE id = ? AND state IN ('reserved', 'active')`,
      )
      .run(ended.at, JSON.stringify(ended), now, sealedSecret ?? null, id);
  }

  renewLease(id: LeaseId, renewal: Renewal, entry: AuditEntry): Promise<ActiveLease | Refusal> {
    return this.#ledger.transition(
      entry,
      () => this.#renew(id, renewal, entry),
      (lease) => ({ leaseId: lease.id, detail: { expires_at: lease.expiresAt } }),
    );
  }

  #renew(id: LeaseId, renewal: Renewal, entry: AuditEntry): ActiveLease | Refusal {
    const now = this.#ledger.tick();
    const row = this.#ledger.leaseRow(id);
    if (!row) return new Refusal('lease_unknown', `no lease ${id}`);
    const lease = this.#seen(row, now);
    if (lease.agent !== renewal.agent) return new Refusal('lease_not_yours', `it belongs to ${lease.agent}`);
    if (lease.state !== 'active') return new Refusal('lease_ended', `the lease is ${lease.state}`);
    const task = this.#ledger.task(lease.taskId);
    const keyId = renewal.keyId ?? lease.keyId;
    const refused = this.#mayHold({ ...lease, ...(keyId !== undefined && { keyId }) }, task, now);
    if (refused) return refused;
    const bound = expiryOf(now, renewal.ttlMs, task!.deadline);
    if (bound === undefined) return new Refusal('task_ending', 'less than a second of the task is left');

    // A renewal never takes time away: the credential handed out before stays good until its own exp.
    const expiresAt = Math.max(bound, lease.expiresAt);
    const renewed = {
      ...lease,
      expiresAt,
      policyDigest: renewal.policyDigest,
      ...(keyId !== undefined && { keyId }),
    };
    this.#ledger.db
      .sql('UPDATE lease SET expires_at = ?, key_id = ?, terms = ? WHERE id = ?')
      .run(expiresAt, keyId ?? null, leaseTerms(renewed), id);
    return { ...renewed, requestId: entry.requestId, state: 'active' };
  }

  readLease(id: LeaseId): Promise<Lease | undefined> {
    const row = this.#ledger.leaseRow(id);
    return Promise.resolve(row && this.#seen(row, this.#ledger.peek()));
  }

  listLeases({ agent, task, tool, state, after, limit }: LeaseQuery): Promise<Lease[]> {
    const now = this.#ledger.peek();
    const where: string[] = ['?1 > 0'];
    const values: Value[] = [now];
    const and = (condition: string, ...more: Value[]): void =>
      void (where.push(condition), values.push(...more));
    if (agent !== undefined) and('l.agent = ?', agent);
    if (task !== undefined) and(inTree('l.task_id'), ...treeBounds(task));
    if (tool !== undefined) and('l.tool = ?', tool);
    if (state !== undefined) and(`${STANDING_SQL} = ?`, state);
    if (after !== undefined) and('l.id < ?', after);
    const rows = this.#ledger.db
      .sql(
        `SELECT l.* FROM lease l JOIN task t ON t.id = l.task_id WHERE ${where.join(' AND ')} ORDER BY l.id DESC LIMIT ?`,
      )
      .all(...values, limit);
    return Promise.resolve(rows.map((row) => this.#seen(row, now)));
  }

  /** The lease as it stands at `now`, with the end that a selector, its task or time has brought it. */
  #seen(row: Row, now: number): Lease {
    const lease = leaseFromRow(row);
    if (lease.ended) return lease;
    const killer = this.#ledger.killerOf(lease);
    const state = standing(lease, killer?.at, now);
    if (state === lease.state) return lease;
    const killed = killer !== undefined && killer.at < lease.expiresAt;
    const ended: LeaseEnding = killed
      ? {
          at: killer.at,
          cause: killer.kind,
          name: killer.name,
          ...(killer.reason !== undefined && { reason: killer.reason }),
          ...(killer.requestId !== undefined && { requestId: killer.requestId }),
        }
      : { at: lease.expiresAt, cause: 'ttl' };
    return { ...lease, state, ended };
  }
}
