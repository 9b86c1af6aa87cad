// The beginning of a lease in the embedded store: what must hold at the point in time of issuance, and the row of it.
import type { AuditEntry } from '../../audit/entry.js';
import { chance, leaseId, rootOf } from '../../domain/ids.js';
import type { Lease } from '../../domain/lease.js';
import { expiryOf, isExternal } from '../../domain/lease.js';
import { Refusal } from '../../domain/refusal.js';
import type { Task } from '../../domain/task.js';
import type { ContextChanged } from '../../domain/tree-context.js';
import type { LeaseRequest } from '../store.js';
import type { Contexts } from './contexts.js';
import type { Ledger } from './ledger.js';
import { insertSql, leaseOf, leaseTerms, statusEntry } from './rows.js';
import type { StatusLists } from './status-lists.js';
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
  'status_entry',
]);

const BIND_INSTANCE = `${insertSql('instance_binding', ['root', 'agent', 'kind', 'instance'])} ON CONFLICT DO NOTHING`;
const BOUND_INSTANCE = 'SELECT instance FROM instance_binding WHERE root = ? AND agent = ? AND kind = ?';

export class Issuance {
  readonly #ledger: Ledger;
  readonly #contexts: Contexts;
  readonly #statusLists: StatusLists;

  constructor(ledger: Ledger, contexts: Contexts, statusLists: StatusLists) {
    this.#ledger = ledger;
    this.#contexts = contexts;
    this.#statusLists = statusLists;
  }

  /** Within a transition: active at once, or reserved where a mint has to follow. */
  issue(request: LeaseRequest, entry: AuditEntry, mintDeadlineMs?: number): Lease | ContextChanged | Refusal {
    const issuedAt = this.#ledger.now();
    const task = this.#ledger.task(request.taskId);
    const refused = mayHold(this.#ledger, request, task, issuedAt);
    if (refused) return refused;
    const expiresAt = expiryOf(issuedAt, request.ttlMs, task!.deadline);
    if (expiresAt === undefined) return new Refusal('task_ending', 'less than a second of the task is left');
    const { decidedOn } = request;
    const changed = decidedOn && this.#contexts.changedSince(request.taskId, decidedOn.version);
    if (changed) return changed;
    const other = request.bindsInstance && this.#otherInstance(request);
    if (other) return other;

    const state = mintDeadlineMs === undefined ? 'active' : 'reserved';
    const id = leaseId(issuedAt, this.#ledger.slotOf(task!), chance());
    const listed = request.listed ? this.#statusLists.next() : null;
    const status = listed === null ? undefined : statusEntry(listed);
    const { requestId } = entry;
    const lease = leaseOf(request, { id, requestId, issuedAt, expiresAt, state, ...(status && { status }) });
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
        listed,
      );
    this.#contexts.hold(request);
    return lease;
  }

  /** Binds the tree to the instance where none was before, or refuses it where another one was. */
  #otherInstance({ taskId, agent, instance = '', bindsInstance }: LeaseRequest): Refusal | undefined {
    const whose = bindsInstance === 'of_agent' ? agent : '';
    const of: [string, string, string] = [rootOf(taskId), whose, instance.slice(0, instance.indexOf(':'))];
    this.#ledger.db.sql(BIND_INSTANCE).run(...of, instance);
    const bound = this.#ledger.db.sql(BOUND_INSTANCE).get(...of)!['instance'];
    if (bound === instance) return undefined;
    return new Refusal('instance_mismatch', `${instance}, and the tree is bound to ${String(bound)}`);
  }
}

/** What must hold at the very point in time of issuance, and again at renewal. */
export function mayHold(
  ledger: Ledger,
  request: Pick<Lease, 'agent' | 'actors' | 'taskId'> & { readonly keyId?: string },
  task: Task | undefined,
  now: number,
): Refusal | undefined {
  if (!task) return new Refusal('task_unknown', `no task ${request.taskId}`);
  if (!isOpen(task, now)) return new Refusal('task_closed', `the task is ${task.state}`);
  const quarantined = [request.agent, ...request.actors].find((agent) => ledger.quarantined.has(agent));
  if (quarantined !== undefined) return new Refusal('agent_quarantined', `${quarantined} is in quarantine`);
  if (request.keyId !== undefined && ledger.isRevokedKey(request.keyId)) {
    return new Refusal('key_revoked', `key ${request.keyId} was revoked`);
  }
  return undefined;
}
