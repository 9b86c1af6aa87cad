// What time alone does, and the work of killing external credentials: every broker does its share, none leads.
import type { AuditEntry } from '../../audit/entry.js';
import { requestId } from '../../domain/ids.js';
import type { LeaseId, TaskId } from '../../domain/ids.js';
import { chance, isLeaseId, leaseSlot, slotOf } from '../../domain/ids.js';
import type { Lease } from '../../domain/lease.js';
import { Refusal } from '../../domain/refusal.js';
import type { ClaimedLease, Claimed, Retention, Settlement, Swept, Word, WorkStore } from '../store.js';
import { ALL_SLOTS } from './keys.js';
import { chanceOf, factsOf, leaseFromRecord, luaJson } from './records.js';
import type { Revocations } from './revocations.js';
import type { Answer, Argument, Slots } from './slots.js';

export interface WorkParts {
  readonly slots: Slots;
  readonly revocations: Revocations;
  readonly retention: Retention;
  readonly skewMs: number;
}

/** Forgetting has time: so many leases of so many slots at once, which keeps Redis for some 5 ms, and then */
const BITE = 32;
const SLOTS_AT_ONCE = 8;
/** twice as long of everything else; */
const PAUSE_MS = 16;
/** and after so long at a time whatever is due comes first again. */
const FORGET_FOR_MS = 150;

/** What was done of what was due in one slot, and what is due there next. */
interface Done {
  readonly expired: readonly TaskId[];
  readonly changed: number;
  readonly next: Look;
}

/** What there is to do in a slot. Times are Infinity where nothing is. */
interface Look {
  readonly sweptAt: number;
  readonly claimedAt: number;
  readonly stale: boolean;
  readonly intents: boolean;
}

function lookFrom(answer: Answer): Look {
  const [swept, claimed, stale, intents] = answer as [number, number, number, number];
  return { sweptAt: time(swept), claimedAt: time(claimed), stale: stale === 1, intents: intents === 1 };
}

const time = (answered: number): number => (answered < 0 ? Infinity : answered);

export class Work implements WorkStore {
  readonly #parts: WorkParts;
  /** Where to begin: brokers that sweep at the same time begin in different slots. */
  #first = Math.floor(Math.random() * ALL_SLOTS.length);

  constructor(parts: WorkParts) {
    this.#parts = parts;
  }

  async sweep(limit: number): Promise<Swept> {
    const { slots, revocations } = this.#parts;
    const looks = await this.#look();
    const inTurn = this.#inTurn();
    const dueSlots = inTurn.filter((slot) => looks[slot]!.sweptAt <= slots.latest).slice(0, limit);
    const share = Math.max(1, Math.floor(limit / Math.max(1, dueSlots.length)));
    const done = await Promise.all(dueSlots.map((slot) => this.#doDue(slot, share)));
    for (const [index, slot] of dueSlots.entries()) looks[slot] = done[index]!.next;
    const nextDueAt = Math.min(...looks.map(({ sweptAt, claimedAt }) => Math.min(sweptAt, claimedAt)));
    const finished = looks.some(({ intents }) => intents) ? await revocations.finish() : 0;
    const forgotten = await this.#forget(
      inTurn.filter((slot) => looks[slot]!.stale),
      limit,
    );
    return {
      expiredTasks: done.flatMap(({ expired }) => expired),
      changed: done.reduce((sum, { changed }) => sum + changed, finished + forgotten),
      ...(nextDueAt < Infinity && { nextDueAt }),
    };
  }

  async #look(): Promise<Look[]> {
    return (await this.#parts.slots.askAll('due', this.#keptFor)).map(lookFrom);
  }

  #inTurn(): number[] {
    this.#first = (this.#first + 1) % ALL_SLOTS.length;
    return [...ALL_SLOTS.slice(this.#first), ...ALL_SLOTS.slice(0, this.#first)];
  }

  get #keptFor(): [leases: number, tasks: number, events: number] {
    const { leaseMs, taskMs, auditMs } = this.#parts.retention;
    return [leaseMs, taskMs, auditMs];
  }

  /** All that is due in a slot, in one go: none of it waits for another's answer. */
  async #doDue(slot: number, share: number): Promise<Done> {
    const { slots, skewMs } = this.#parts;
    const [expired, [lapsed], [named, over], next] = (await Promise.all([
      slots.ask('expire-tasks', slot, [share, requestId(slots.latest), skewMs]),
      slots.ask('lapse-leases', slot, [share]),
      slots.ask('walk-kills', slot, [share]),
      slots.ask('due', slot, this.#keptFor),
    ])) as [TaskId[], [number], [number, number], Answer];
    const walking = over === 1 ? 0 : 1;
    return {
      expired,
      changed: expired.length + lapsed + named + walking,
      next: lookFrom(next),
    };
  }

  /** What is past its retention, a bite of some slots at once. */
  async #forget(stale: readonly number[], limit: number): Promise<number> {
    const { slots, skewMs } = this.#parts;
    const until = performance.now() + FORGET_FOR_MS;
    let forgotten = 0;
    for (let at = 0; at < stale.length; at += SLOTS_AT_ONCE) {
      if (performance.now() >= until) return forgotten + 1;
      const some = stale.slice(at, at + SLOTS_AT_ONCE);
      const args = [...this.#keptFor, Math.min(limit, BITE), skewMs];
      const gone = await Promise.all(some.map((slot) => slots.ask('purge', slot, args)));
      const sum = gone.reduce((total, [n]) => total + (n as number), 0);
      forgotten += sum;
      if (sum >= BITE) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
    return forgotten;
  }

  async claimDue(limit: number, windowMs: number): Promise<ClaimedLease[]> {
    const { slots } = this.#parts;
    const looks = await this.#look();
    const claimed: ClaimedLease[] = [];
    for (const slot of this.#inTurn()) {
      if (looks[slot]!.claimedAt > slots.latest || claimed.length >= limit) continue;
      claimed.push(...(await this.#claimIn(slot, limit - claimed.length, windowMs)));
    }
    return claimed;
  }

  async claimEnded(of: TaskId | LeaseId, limit: number, windowMs: number): Promise<Claimed> {
    const slot = isLeaseId(of) ? leaseSlot(of) : slotOf(of);
    const walk = this.#parts.slots.ask('walk-kills', slot, [limit]);
    const [isOver, claimed] = await Promise.all([
      // Where it failed nothing is lost of what is lent out beside it.
      walk.then(([, over]) => over === 1).catch(() => false),
      this.#claimIn(slot, limit, windowMs),
    ]);
    return { claimed, more: !isOver || claimed.length >= limit };
  }

  async #claimIn(slot: number, limit: number, windowMs: number): Promise<ClaimedLease[]> {
    const claim = chance();
    const lent = (await this.#parts.slots.ask('claim-due', slot, [limit, windowMs, claim])) as string[];
    const claimed: ClaimedLease[] = [];
    for (let at = 0; at < lent.length; at += 2) {
      const { lease, attempts, sealedSecret } = leaseFromRecord(slot, lent[at]!, lent[at + 1]!);
      claimed.push({ lease, claim, attempts, ...(sealedSecret !== undefined && { sealedSecret }) });
    }
    return claimed;
  }

  async settle(id: LeaseId, claim: string, settlement: Settlement): Promise<boolean> {
    const { slots } = this.#parts;
    const [held] = await slots.ask('settle-lease', leaseSlot(id), [
      chanceOf(id),
      id,
      claim,
      settlement.kind,
      'retryAfterMs' in settlement ? settlement.retryAfterMs : 0,
      'error' in settlement ? luaJson(settlement.error) : '""',
      requestId(slots.latest),
    ]);
    return held === 1;
  }

  retryLease(id: LeaseId, entry: AuditEntry): Promise<Lease | Refusal> {
    return this.#change('retry-lease', id, [factsOf(entry)], entry);
  }

  forceLease(id: LeaseId, { by, reason }: Word, entry: AuditEntry): Promise<Lease | Refusal> {
    return this.#change('force-lease', id, [by, luaJson(reason), entry.requestId, factsOf(entry)], entry);
  }

  async #change(
    script: 'retry-lease' | 'force-lease',
    id: LeaseId,
    args: readonly Argument[],
    entry: AuditEntry,
  ): Promise<Lease | Refusal> {
    const [slot, own] = [leaseSlot(id), chanceOf(id)];
    const answer = await this.#parts.slots.call(script, slot, [own, id, ...args]);
    entry.markConcluded();
    return answer instanceof Refusal ? answer : leaseFromRecord(slot, own, answer[0] as string).lease;
  }

  async countIrrevocable(): Promise<number> {
    const counts = (await this.#parts.slots.askAll('count-irrevocable')) as [number][];
    return counts.reduce((sum, [count]) => sum + count, 0);
  }
}
