// What time alone does, and the work of killing external credentials: every broker does its share, none leads.
import { requestId } from '../../domain/ids.js';
import type { LeaseId, TaskId } from '../../domain/ids.js';
import { chance, leaseSlot } from '../../domain/ids.js';
import type { ClaimedLease, Retention, Settlement, Swept, WorkStore } from '../store.js';
import { ALL_SLOTS } from './keys.js';
import { chanceOf, leaseFromRecord } from './records.js';
import type { Revocations } from './revocations.js';
import type { Slots } from './slots.js';

export interface WorkParts {
  readonly slots: Slots;
  readonly revocations: Revocations;
  readonly retention: Retention;
  readonly skewMs: number;
}

/** Forgetting has time: of Redis' and the broker's it takes a third while there is much of it, in small bites, and */
const BITE = 64;
const PAUSE_FOR_EACH_MS = 2;
/** after so long at a time whatever is due comes first again. */
const FORGET_FOR_MS = 100;

/** What may still be changed in this sweep, by kind. */
interface Room {
  tasks: number;
  leases: number;
  walked: number;
}

export class Work implements WorkStore {
  readonly #parts: WorkParts;
  /** Where to begin: brokers that sweep at the same time begin in different slots. */
  #first = Math.floor(Math.random() * ALL_SLOTS.length);

  constructor(parts: WorkParts) {
    this.#parts = parts;
  }

  async sweep(limit: number): Promise<Swept> {
    const { slots, revocations } = this.#parts;
    const looks = await slots.askAll('due', this.#keptFor);
    const finished = looks.some(([, , intents]) => intents === 1) ? await revocations.finish() : 0;
    const room: Room = { tasks: limit, leases: limit, walked: limit };
    const expiredTasks: TaskId[] = [];
    let nextDueAt = Infinity;
    const inTurn = this.#inTurn();
    for (const slot of inTurn) {
      let due = looks[slot]![0] as number;
      if (due >= 0 && due <= slots.latest) {
        expiredTasks.push(...(await this.#doDue(slot, room)));
        due = (await slots.ask('due', slot, this.#keptFor))[0] as number;
      }
      if (due >= 0) nextDueAt = Math.min(nextDueAt, due);
    }
    const forgotten = await this.#forget(
      inTurn.filter((slot) => looks[slot]![1] === 1),
      limit,
    );
    const done = 3 * limit - room.tasks - room.leases - room.walked;
    return {
      expiredTasks,
      changed: finished + done + forgotten,
      ...(nextDueAt < Infinity && { nextDueAt }),
    };
  }

  #inTurn(): number[] {
    this.#first = (this.#first + 1) % ALL_SLOTS.length;
    return [...ALL_SLOTS.slice(this.#first), ...ALL_SLOTS.slice(0, this.#first)];
  }

  get #keptFor(): [leases: number, tasks: number, events: number] {
    const { leaseMs, taskMs, auditMs } = this.#parts.retention;
    return [leaseMs, taskMs, auditMs];
  }

  async #doDue(slot: number, room: Room): Promise<TaskId[]> {
    const { slots, skewMs } = this.#parts;
    let expired: TaskId[] = [];
    if (room.tasks > 0) {
      const request = requestId(slots.latest);
      expired = (await slots.ask('expire-tasks', slot, [room.tasks, request, skewMs])) as TaskId[];
      room.tasks -= expired.length;
    }
    if (room.leases > 0) room.leases -= (await slots.ask('lapse-leases', slot, [room.leases]))[0] as number;
    for (let over = false; !over && room.walked > 0;) {
      const [named, ended] = (await slots.ask('walk-kills', slot, [room.walked])) as [number, number];
      room.walked -= named;
      over = ended === 1;
    }
    return expired;
  }

  /** What is past its retention, a bite of each slot in turn. */
  async #forget(stale: readonly number[], limit: number): Promise<number> {
    const { slots, skewMs } = this.#parts;
    const until = performance.now() + FORGET_FOR_MS;
    let forgotten = 0;
    for (const slot of stale) {
      const begun = performance.now();
      if (begun >= until) return forgotten + 1;
      const [gone] = await slots.ask('purge', slot, [...this.#keptFor, Math.min(limit, BITE), skewMs]);
      forgotten += gone as number;
      const pauseMs = PAUSE_FOR_EACH_MS * (performance.now() - begun);
      if (stale.length > 1 || (gone as number) >= BITE)
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
    return forgotten;
  }

  async claimDue(limit: number, windowMs: number): Promise<ClaimedLease[]> {
    const { slots } = this.#parts;
    const looks = await slots.askAll('due', this.#keptFor);
    const claimed: ClaimedLease[] = [];
    for (const slot of this.#inTurn()) {
      const due = looks[slot]![0] as number;
      if (due < 0 || due > slots.latest || claimed.length >= limit) continue;
      const claim = chance();
      const lent = (await slots.ask('claim-due', slot, [
        limit - claimed.length,
        windowMs,
        claim,
      ])) as string[];
      for (let at = 0; at < lent.length; at += 2) {
        const { lease, attempts, sealedSecret } = leaseFromRecord(slot, lent[at]!, lent[at + 1]!);
        claimed.push({ lease, claim, attempts, ...(sealedSecret !== undefined && { sealedSecret }) });
      }
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
      settlement.kind === 'failed' ? settlement.retryAfterMs : 0,
      settlement.kind === 'confirmed' ? '""' : JSON.stringify(settlement.error),
      requestId(slots.latest),
    ]);
    return held === 1;
  }
}
