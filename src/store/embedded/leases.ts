// Leases in the embedded store: activate, abandon, renew, read, and how each stands. Their beginning is in issuance.ts.
import type { AuditEntry } from '../../audit/entry.js';
import type { AuditConclusion } from '../../audit/event.js';
import { SECOND_MS } from '../../domain/duration.js';
import type { LeaseId, PrincipalName, TaskId } from '../../domain/ids.js';
import type { ActiveLease, Lease, LeaseEnding, ReservedLease } from '../../domain/lease.js';
import { expiryOf, LEASE_TRANSITIONS, standing } from '../../domain/lease.js';
import { Refusal } from '../../domain/refusal.js';
import type { Revocation } from '../../domain/revocation.js';
import type { ContextChanged } from '../../domain/tree-context.js';
import type { Activation, LeaseQuery, LeaseRequest, LeaseStore, Renewal, Tally } from '../store.js';
import type { Contexts } from './contexts.js';
import { countLive } from './counting.js';
import type { Row, Value } from './database.js';
import { Issuance, mayHold } from './issuance.js';
import { inTree, treeBounds } from './conditions.js';
import { type Ledger } from './ledger.js';
import { leaseFromRow, leaseTerms } from './rows.js';
import { STANDING_SQL } from './standing.js';
import type { StatusLists } from './status-lists.js';

/** Each page looks at all leases of the tree: few pages, and none that others would have to wait for. */
const LIVE_AT_A_TIME = 1000;

/** In the order of an index that has the external ones alone: there may be a thousand times as many others. */
const AT_TARGET = `SELECT * FROM lease WHERE external = 1 AND state IN ('reserved', 'active') AND tool = ?
  AND (expires_at, n) > (?, ?) ORDER BY expires_at, n LIMIT ?`;

export class Leases implements LeaseStore {
  readonly #ledger: Ledger;
  readonly #contexts: Contexts;
  readonly #issuance: Issuance;

  constructor(ledger: Ledger, contexts: Contexts, statusLists: StatusLists) {
    this.#ledger = ledger;
    this.#contexts = contexts;
    this.#issuance = new Issuance(ledger, contexts, statusLists);
  }

  issueLease(request: LeaseRequest, entry: AuditEntry): Promise<ActiveLease | ContextChanged | Refusal> {
    return this.#ledger.transition(
      entry,
      () => this.#issuance.issue(request, entry) as ActiveLease | ContextChanged | Refusal,
      (lease) => told(lease),
    );
  }

  reserveLease(
    { mintDeadlineMs, ...request }: LeaseRequest & { mintDeadlineMs: number },
    entry: AuditEntry,
  ): Promise<ReservedLease | ContextChanged | Refusal> {
    return this.#ledger.transition(
      entry,
      () => this.#issuance.issue(request, entry, mintDeadlineMs) as ReservedLease | ContextChanged | Refusal,
      (lease) => told(lease, 'reserved'),
    );
  }

  activateLease(id: LeaseId, activation: Activation, entry: AuditEntry): Promise<ActiveLease | Refusal> {
    return this.#ledger.transition(
      entry,
      () => this.#activate(id, activation),
      (lease) => told(lease, 'active'),
    );
  }

  #activate(id: LeaseId, { expiresAt: targetEnd, sealedSecret }: Activation): ActiveLease | Refusal {
    const now = this.#ledger.now();
    const row = this.#ledger.leaseRow(id);
    if (!row) return new Refusal('lease_unknown', `no lease ${id}`);
    const lease = this.seen(row, now);
    const expiresAt = Math.min(lease.expiresAt, wholeSecond(targetEnd ?? Infinity));
    const ended = lease.ended ?? overdue(row, expiresAt, now);
    if (ended) {
      this.#killMinted(id, ended, now, sealedSecret);
      return new Refusal('lease_ended', `the lease is over: ${ended.cause}`);
    }
    const to = LEASE_TRANSITIONS[lease.state].activate;
    if (to === undefined) return new Refusal('lease_ended', `the lease is ${lease.state}`);
    this.#ledger.db
      .sql('UPDATE lease SET state = ?, expires_at = ?, sealed_secret = ?, mint_deadline = NULL WHERE id = ?')
      .run(to, expiresAt, sealedSecret ?? null, id);
    return { ...lease, state: 'active', expiresAt };
  }

  /**
   * A secret that nobody may have any more: to be killed at once. The mint is over, so that one kill from now on
   * is enough; one that is under way may have come before the mint, and confirms nothing. An activation that is
   * said again finds the mint over already, and changes nothing.
   */
  #killMinted(id: LeaseId, ended: LeaseEnding, now: number, sealedSecret: string | undefined): void {
    this.#ledger.db
      .sql(
        `UPDATE lease SET state = 'revoking', ended_at = ifnull(ended_at, ?), ended = ifnull(ended, ?), due_at = ?,
           claim = NULL, mint_deadline = NULL, sealed_secret = ifnull(?, sealed_secret)
         WHERE id = ? AND state IN ('reserved', 'revoking') AND mint_deadline IS NOT NULL`,
      )
      .run(ended.at, JSON.stringify(ended), now, sealedSecret ?? null, id);
  }

  async abandonLease(id: LeaseId, cause: 'mint_failed' | 'mint_unknown', entry: AuditEntry): Promise<void> {
    await this.#ledger.transition(
      entry,
      () => {
        const now = this.#ledger.now();
        const row = this.#ledger.leaseRow(id);
        if (row?.['state'] === 'reserved') this.recordEnding(row, now, { at: now, cause });
        return true;
      },
      () => ({ outcome: 'failed', leaseId: id, detail: { stage: cause } }),
    );
  }

  /**
   * Writes down how an external lease ended, and makes it due to be killed at once; `otherwise` where nothing
   * has ended it yet. A mint that may still be under way keeps its deadline: see `settle`.
   */
  recordEnding(row: Row, now: number, otherwise?: LeaseEnding): void {
    const ended = this.seen(row, now).ended ?? otherwise;
    if (!ended) return;
    this.#ledger.db
      .sql("UPDATE lease SET state = 'revoking', ended_at = ?, ended = ?, due_at = ? WHERE n = ?")
      .run(ended.at, JSON.stringify(ended), now, row['n']!);
  }

  renewLease(
    id: LeaseId,
    renewal: Renewal,
    entry: AuditEntry,
  ): Promise<ActiveLease | ContextChanged | Refusal> {
    return this.#ledger.transition(
      entry,
      () => this.#renew(id, renewal),
      (lease) => told(lease),
    );
  }

  #renew(id: LeaseId, renewal: Renewal): ActiveLease | ContextChanged | Refusal {
    const now = this.#ledger.now();
    const row = this.#ledger.leaseRow(id);
    if (!row) return new Refusal('lease_unknown', `no lease ${id}`);
    const lease = this.seen(row, now);
    if (lease.agent !== renewal.agent) return new Refusal('lease_not_yours', `it belongs to ${lease.agent}`);
    if (lease.state !== 'active') return new Refusal('lease_ended', `the lease is ${lease.state}`);
    const task = this.#ledger.task(lease.taskId);
    const keyId = renewal.keyId ?? lease.keyId;
    const refused = mayHold(this.#ledger, { ...lease, ...(keyId !== undefined && { keyId }) }, task, now);
    if (refused) return refused;
    const { decidedOn, basis = lease.basis } = renewal;
    const changed = decidedOn && this.#contexts.changedSince(lease.taskId, decidedOn.version);
    if (changed) return changed;
    // A renewal never takes time away: the credential handed out before stays good until its own exp.
    const expiresAt = Math.max(expiryOf(now, renewal.ttlMs, task!.deadline) ?? 0, lease.expiresAt);
    const renewed = {
      ...lease,
      expiresAt,
      policyDigest: renewal.policyDigest,
      ...(basis && { basis }),
      ...(keyId !== undefined && { keyId }),
    };
    this.#ledger.db
      .sql('UPDATE lease SET expires_at = ?, key_id = ?, terms = ? WHERE id = ?')
      .run(expiresAt, keyId ?? null, leaseTerms(renewed), id);
    this.#contexts.hold({ taskId: lease.taskId, ...(basis && { basis }), ...(decidedOn && { decidedOn }) });
    return { ...renewed, state: 'active' };
  }

  readLease(id: LeaseId): Promise<Lease | undefined> {
    return this.#ledger.db.read(() => {
      const row = this.#ledger.leaseRow(id);
      return row && this.seen(row, this.#ledger.now());
    });
  }

  listLeases({ agent, task, tool, state, after, limit }: LeaseQuery): Promise<Lease[]> {
    const where: string[] = ['?1 > 0'];
    const values: Value[] = [];
    const and = (condition: string, ...more: Value[]): void =>
      void (where.push(condition), values.push(...more));
    if (agent !== undefined) and('l.agent = ?', agent);
    if (task !== undefined) and(inTree('l.task_id'), ...treeBounds(task));
    if (tool !== undefined) and('l.tool = ?', tool);
    // Nothing but its record makes it that, by which the few of them are found.
    if (state === 'irrevocable') and("l.state = 'irrevocable'");
    else if (state !== undefined) and(`${STANDING_SQL} = ?`, state);
    if (after !== undefined) and('l.id < ?', after);
    const sql = `SELECT l.* FROM lease l JOIN task t ON t.id = l.task_id
      WHERE ${where.join(' AND ')} ORDER BY l.id DESC LIMIT ?`;
    return this.#ledger.db.read(() => {
      const now = this.#ledger.now();
      return this.#ledger.db
        .sql(sql)
        .all(now, ...values, limit)
        .map((row) => this.seen(row, now));
    });
  }

  async *liveLeases(task: TaskId): AsyncGenerator<readonly Lease[]> {
    // In the order in which a lease has them: one that is activated meanwhile is met in one of the two.
    for (const state of ['reserved', 'active'] as const) {
      let after: string | undefined;
      for (;;) {
        const query = { task, state, limit: LIVE_AT_A_TIME, ...(after !== undefined && { after }) };
        const page = await this.listLeases(query);
        yield page;
        if (page.length < LIVE_AT_A_TIME) break;
        after = page.at(-1)!.id;
      }
    }
  }

  async *activeAtTarget(tool: string): AsyncIterable<readonly Lease[]> {
    const { db } = this.#ledger;
    for (let last: Row | undefined; ;) {
      const after = [last?.['expires_at'] ?? 0, last?.['n'] ?? 0];
      const rows = await db.read(() => db.sql(AT_TARGET).all(tool, ...after, LIVE_AT_A_TIME));
      const now = this.#ledger.now();
      yield rows.map((row) => this.seen(row, now)).filter(({ state }) => state === 'active');
      if (rows.length < LIVE_AT_A_TIME) return;
      last = rows.at(-1);
    }
  }

  countLive(of: { readonly task: TaskId } | { readonly agent: PrincipalName }, most: number): Promise<Tally> {
    return this.#ledger.db.read(() => countLive(this.#ledger, of, most));
  }

  /** The lease as it stands at `now`, with the end that a selector, its task or time has brought it. */
  seen(row: Row, now: number): Lease {
    const lease = leaseFromRow(row);
    if (lease.ended) return lease;
    const killer = this.#ledger.killerOf(lease);
    const state = standing(lease, killer?.at, now);
    if (state === lease.state) return lease;
    const ended =
      killer && killer.at < lease.expiresAt
        ? endingBy(killer)
        : ({ at: lease.expiresAt, cause: 'ttl' } as const);
    return { ...lease, state, ended };
  }
}

const told = ({ id, taskId, expiresAt }: Lease, stage?: string): Omit<AuditConclusion, 'outcome'> => ({
  taskId,
  leaseId: id,
  detail: { expires_at: expiresAt, ...(stage !== undefined && { stage }) },
});

export const endingBy = ({ at, kind, name, reason, requestId }: Revocation): LeaseEnding => ({
  at,
  cause: kind,
  name,
  ...(reason !== undefined && { reason }),
  ...(requestId !== undefined && { requestId }),
});

/** A mint that came back too late to be of use: after its own deadline, or after the end that its target gave it. */
function overdue(row: Row, expiresAt: number, now: number): LeaseEnding | undefined {
  if (row['state'] !== 'reserved') return undefined;
  if (now >= Number(row['mint_deadline'])) return { at: now, cause: 'mint_unknown' };
  return now >= expiresAt ? { at: now, cause: 'ttl' } : undefined;
}

const wholeSecond = (ms: number): number => Math.floor(ms / SECOND_MS) * SECOND_MS;
