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

/** What may still be changed in this sweep, by kind. */
interface Room {
  tasks: number;
  leases: number;
  walked: number;
  purged: number;
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
    const keptFor = this.#keptFor;
    const looks = await slots.askAll('due', keptFor);
    const finished = looks.some(([, , intents]) => intents === 1) ? await revocations.finish() : 0;
    const room: Room = { tasks: limit, leases: limit, walked: limit, purged: limit };
    const expiredTasks: TaskId[] = [];
    let nextDueAt = Infinity;
    let cut = false;
    for (const slot of this.#inTurn()) {
      const [due, stale] = looks[slot] as [number, number];
      if (due >= 0 && due <= slots.latest) {
        expiredTasks.push(...(await this.#doDue(slot, room)));
        const [next] = await slots.ask('due', slot, keptFor);
        nextDueAt = Math.min(nextDueAt, (next as number) < 0 ? Infinity : (next as number));
      } else if (due >= 0) nextDueAt = Math.min(nextDueAt, due);
      if (stale === 1 && room.purged > 0) await this.#purge(slot, room, keptFor);
      else if (stale === 1) cut = true;
    }
    const used = (of: keyof Room): number => limit - room[of];
    const changed =
      finished + used('tasks') + used('leases') + used('walked') + used('purged') + (cut ? 1 : 0);
    return { expiredTasks, changed, ...(nextDueAt < Infinity && { nextDueAt }) };
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

  async #purge(slot: number, room: Room, keptFor: readonly number[]): Promise<void> {
    const { slots, skewMs } = this.#parts;
    const [gone] = await slots.ask('purge', slot, [...keptFor, room.purged, skewMs]);
    room.purged = Math.max(0, room.purged - (gone as number));
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
