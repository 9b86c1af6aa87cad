// Leases in Redis: issue, reserve, activate, abandon, renew, read; one script each.
import type { AuditEntry } from '../../audit/entry.js';
import { SECOND_MS } from '../../domain/duration.js';
import type { LeaseId, PrincipalName, TaskId } from '../../domain/ids.js';
import { chance, isLeaseId, leaseId, leaseSlot, leaseTime, rootOf } from '../../domain/ids.js';
import type { ActiveLease, Lease, LeaseState, ReservedLease } from '../../domain/lease.js';
import { Refusal } from '../../domain/refusal.js';
import { ENTRIES_PER_LIST } from '../../domain/status-list.js';
import type { ContextChanged } from '../../domain/tree-context.js';
import type { Activation, LeaseQuery, LeaseRequest, LeaseStore, Renewal, Tally } from '../store.js';
import { StoreUnavailable } from '../store.js';
import type { Contexts } from './contexts.js';
import { decisionOf } from './contexts.js';
import { ALL_SLOTS } from './keys.js';
import type { LeaseLists, ListName } from './lease-lists.js';
import type { LeaseRecord } from './records.js';
import { chanceOf, factsOf, leaseFromRecord, luaJson, newLeaseRecord, statusListId } from './records.js';
import type { Argument, Slots } from './slots.js';
import type { Tasks } from './tasks.js';

const RESERVED = { stage: 'reserved' };
/** In one script: a millisecond of Redis' time or two. */
const COUNTED_AT_A_TIME = 200;

const LIVE_AT_A_TIME = 100;

export class Leases implements LeaseStore {
  readonly #slots: Slots;
  readonly #tasks: Tasks;
  readonly #contexts: Contexts;
  readonly #lists: LeaseLists;

  constructor(slots: Slots, tasks: Tasks, contexts: Contexts, lists: LeaseLists) {
    this.#slots = slots;
    this.#tasks = tasks;
    this.#contexts = contexts;
    this.#lists = lists;
  }

  issueLease(request: LeaseRequest, entry: AuditEntry): Promise<ActiveLease | ContextChanged | Refusal> {
    return this.#create(request, entry, 'active', '') as Promise<ActiveLease | ContextChanged | Refusal>;
  }

  reserveLease(
    { mintDeadlineMs, ...request }: LeaseRequest & { mintDeadlineMs: number },
    entry: AuditEntry,
  ): Promise<ReservedLease | ContextChanged | Refusal> {
    return this.#create(request, entry, 'reserved', mintDeadlineMs) as Promise<
      ReservedLease | ContextChanged | Refusal
    >;
  }

  async #create(
    request: LeaseRequest,
    entry: AuditEntry,
    state: 'active' | 'reserved',
    mintDeadlineMs: number | '',
  ): Promise<Lease | ContextChanged | Refusal> {
    const { taskId, agent, actors, keyId, decidedOn, basis } = request;
    const root = rootOf(taskId);
    const slot = this.#tasks.slotOf(taskId);
    const own = chance();
    const args: Argument[] = [
      taskId,
      this.#tasks.openingOf(taskId) ?? '',
      request.ttlMs,
      mintDeadlineMs,
      own,
      newLeaseRecord(request, entry.requestId),
      factsOf(entry, state === 'reserved' ? RESERVED : undefined),
      decisionOf(request, basis !== undefined && this.#tasks.contexts.keepsFacts(root, basis.principal)),
      `agent:${agent}`,
    ];
    for (const actor of actors) if (actor !== agent) args.push(`agent:${actor}`);
    if (keyId !== undefined) args.push(`key:${keyId}`);
    if (request.listed) args.push(`listed:${ENTRIES_PER_LIST}`);
    if (request.bindsInstance) args.push(`${request.bindsInstance}:${request.instance ?? ''}`);
    // A reservation that a failover loses would leave its secret at the target with nobody accountable (invariant 2).
    const lane = state === 'reserved' ? 'reservations' : 'calls';
    let answer;
    try {
      answer = await this.#slots.call('issue-lease', slot, args, lane);
    } catch (error) {
      this.#forgetStale(taskId, error);
      throw error;
    }
    const changed = this.#contexts.changeIn(answer);
    if (changed) return changed;
    entry.markConcluded();
    if (answer instanceof Refusal) return answer;
    const [issuedAt, expiresAt, version, list, index] = answer as [number, number, number, string?, number?];
    if (decidedOn) this.#tasks.contexts.held(root, decidedOn, version, basis?.principal);
    return {
      id: leaseId(issuedAt, slot, own),
      taskId,
      agent,
      actors,
      trust: request.trust,
      tool: request.tool,
      plane: request.plane,
      kind: request.kind,
      ...(keyId !== undefined && { keyId }),
      audience: request.audience,
      actions: request.actions,
      ...(request.details && { details: request.details }),
      policyDigest: request.policyDigest,
      ...(request.basis && { basis: request.basis }),
      ...(request.singleUse && { singleUse: request.singleUse }),
      ...(request.jkt !== undefined && { jkt: request.jkt }),
      ...(request.instance !== undefined && { instance: request.instance }),
      ...(list !== undefined && index !== undefined && { status: { list: statusListId(slot, list), index } }),
      requestId: entry.requestId,
      issuedAt,
      expiresAt,
      state,
    };
  }

  /** What was decided on a task that is another one now is not carried out: the store lost the first. */
  #forgetStale(taskId: TaskId, error: unknown): void {
    if (error instanceof StoreUnavailable && /\bSTALE\b/.test(error.message)) this.#tasks.forget(taskId);
  }

  async activateLease(
    id: LeaseId,
    activation: Activation,
    entry: AuditEntry,
  ): Promise<ActiveLease | Refusal> {
    const { expiresAt, sealedSecret } = activation;
    const end = expiresAt === undefined ? '' : Math.floor(expiresAt / SECOND_MS) * SECOND_MS;
    const facts = factsOf(entry, { stage: 'active' });
    const args = [chanceOf(id), id, end, sealedSecret ?? '', entry.requestId, facts];
    return this.#changed(id, await this.#slots.call('activate-lease', leaseSlot(id), args), entry);
  }

  async abandonLease(id: LeaseId, cause: 'mint_failed' | 'mint_unknown', entry: AuditEntry): Promise<void> {
    const args = [chanceOf(id), id, cause, factsOf(entry, { stage: cause })];
    await this.#slots.ask('abandon-lease', leaseSlot(id), args);
    entry.markConcluded();
  }

  async renewLease(
    id: LeaseId,
    renewal: Renewal,
    entry: AuditEntry,
  ): Promise<ActiveLease | ContextChanged | Refusal> {
    const { agent, ttlMs, keyId, policyDigest, decidedOn, basis } = renewal;
    const args = [
      chanceOf(id),
      id,
      agent,
      ttlMs,
      keyId ?? '',
      policyDigest,
      entry.requestId,
      factsOf(entry),
      // Rare, beside issuance: the facts go along each time.
      decisionOf(renewal, false),
      basis ? luaJson(basis) : '',
    ];
    const answer = await this.#slots.call('renew-lease', leaseSlot(id), args);
    const changed = this.#contexts.changeIn(answer);
    if (changed) return changed;
    const renewed = this.#changed(id, answer, entry);
    if (decidedOn && !(renewed instanceof Refusal))
      this.#tasks.contexts.held(rootOf(renewed.taskId), decidedOn, (answer as number[])[1] ?? -1);
    return renewed;
  }

  #changed(id: LeaseId, answer: readonly unknown[] | Refusal, entry: AuditEntry): ActiveLease | Refusal {
    entry.markConcluded();
    if (answer instanceof Refusal) return answer;
    return leaseFromRecord(leaseSlot(id), chanceOf(id), answer[0] as string).lease as ActiveLease;
  }

  async readLease(id: LeaseId): Promise<Lease | undefined> {
    if (!isLeaseId(id) || leaseSlot(id) >= ALL_SLOTS.length) {
      const ailment = this.#slots.closed();
      if (ailment) throw ailment;
      return undefined;
    }
    const [record, ending] = (await this.#slots.ask('read-lease', leaseSlot(id), [chanceOf(id)])) as [
      string,
      string,
    ];
    if (record === '') return undefined;
    const { lease } = leaseFromRecord(leaseSlot(id), chanceOf(id), record, ending);
    // The name tells the time, and nobody may tell another one.
    return lease.issuedAt === leaseTime(id) ? lease : undefined;
  }

  async listLeases(query: LeaseQuery): Promise<Lease[]> {
    const { agent, task, tool, state, after, limit } = query;
    const inTree = (id: string): boolean => id === task || id.startsWith(`${task}.`);
    const fits = ({ lease }: LeaseRecord): boolean =>
      (agent === undefined || lease.agent === agent) &&
      (task === undefined || inTree(lease.taskId)) &&
      (tool === undefined || lease.tool === tool) &&
      (state === undefined || lease.state === (state satisfies LeaseState)) &&
      (after === undefined || lease.id < after);
    const found = await Promise.all(
      (await this.#listsFor(query)).map(([slot, list, of]) =>
        this.#first(this.#lists.newest(slot, list, of), fits, list === 'irrevocable' ? Infinity : limit),
      ),
    );
    return found
      .flat()
      .toSorted((a, b) => (a.id < b.id ? 1 : -1))
      .slice(0, limit);
  }

  async *liveLeases(task: TaskId): AsyncGenerator<readonly Lease[]> {
    const slot = this.#tasks.slotOf(task);
    for (const id of await this.#tasks.idsOf(task)) {
      let some: Lease[] = [];
      for await (const { lease } of this.#lists.newest(slot, 'of', id)) {
        if (lease.state === 'active' || lease.state === 'reserved') some.push(lease);
        if (some.length < LIVE_AT_A_TIME) continue;
        yield some;
        some = [];
      }
      yield some;
    }
  }

  async *activeAtTarget(tool: string): AsyncIterable<readonly Lease[]> {
    for (const slot of ALL_SLOTS) {
      const some: Lease[] = [];
      for await (const { lease } of this.#lists.newest(slot, 'external'))
        if (lease.tool === tool && lease.state === 'active') some.push(lease);
      yield some;
    }
  }

  async countLive(
    of: { readonly task: TaskId } | { readonly agent: PrincipalName },
    most: number,
    withinMs: number,
  ): Promise<Tally> {
    const until = performance.now() + withinMs;
    // In the list of an agent are those, too, that somebody else has in its name.
    const whose = 'task' in of ? '' : of.agent;
    let count = 0;
    let cut = false;
    const countIn = async (slot: number, list: ListName, name: string): Promise<void> => {
      for (let passed = 0; !cut; passed += COUNTED_AT_A_TIME) {
        const args = [list, name, passed, COUNTED_AT_A_TIME, whose];
        const [looked, alive] = (await this.#slots.ask('count-live', slot, args)) as [number, number];
        count += alive;
        if (looked < COUNTED_AT_A_TIME) return;
        cut = count >= most || performance.now() > until;
      }
    };
    await ('task' in of
      ? countIn(this.#tasks.slotOf(of.task), 'of', of.task)
      : Promise.all(ALL_SLOTS.map((slot) => countIn(slot, 'by', of.agent))));
    return cut || count >= most ? { count, atLeast: true } : { count };
  }

  async #listsFor({ agent, task, state }: LeaseQuery): Promise<[slot: number, list: ListName, of: string][]> {
    if (task === undefined) {
      // They are few, and looked for by whoever watches: not among all that there are.
      if (state === 'irrevocable') return ALL_SLOTS.map((slot) => [slot, state, '']);
      return ALL_SLOTS.map((slot) => (agent === undefined ? [slot, 'issued', ''] : [slot, 'by', agent]));
    }
    const slot = this.#tasks.slotOf(task as TaskId);
    return (await this.#tasks.idsOf(task as TaskId)).map((id) => [slot, 'of', id]);
  }

  /** The newest that fit, and with the last of them all of its millisecond: those have no order in a list. */
  async #first(
    records: AsyncIterable<LeaseRecord>,
    fits: (record: LeaseRecord) => boolean,
    limit: number,
  ): Promise<Lease[]> {
    const found: Lease[] = [];
    for await (const record of records) {
      if (!fits(record)) continue;
      if (found.length >= limit && record.lease.issuedAt < found.at(-1)!.issuedAt) break;
      found.push(record.lease);
    }
    return found;
  }
}
