// What roles deny, in Redis: all in one slot, as a session finds its seat among several roles in one transition.
import { randomBytes } from 'node:crypto';
import type { CutOff, Denied, DenyState, DenyStore, Seat, WriteClaim } from '../deny-store.js';
import type { DenialMemory } from './denial-memory.js';
import { HOME_SLOT } from './keys.js';
import { luaJson } from './records.js';
import type { Slots } from './slots.js';

export class Denials implements DenyStore {
  readonly #slots: Slots;
  readonly #memory: DenialMemory;
  /** By role: in whose name a claim was made that may be in force, though too few replicas said so. It is gone on with. */
  readonly #unacknowledged = new Map<string, string>();

  constructor(slots: Slots, memory: DenialMemory) {
    this.#slots = slots;
    this.#memory = memory;
  }

  async seat(seat: Seat, roles: readonly string[], most: number): Promise<string | undefined> {
    const args = [seat.session, seat.until, most, ...roles];
    // A failover that forgot it would have the session taken for one that never was: replicas have it first.
    const [role] = await this.#slots.ask('take-seat', HOME_SLOT, args, 'reservations');
    if (role !== undefined) this.#memory.seat(role as string, seat, this.#slots.latest);
    return role as string | undefined;
  }

  async seatOf(session: string): Promise<string | undefined> {
    const [role] = await this.#slots.ask('read-seat', HOME_SLOT, [session], 'kill-callers');
    return role as string | undefined;
  }

  async unseat(session: string): Promise<void> {
    await this.#slots.ask('leave-seat', HOME_SLOT, [session]);
    this.#memory.unseat(session);
  }

  async add(role: string, denied: Denied): Promise<void> {
    this.#memory.deny(role, [denied], this.#slots.latest);
    await this.#slots.ask('add-denials', HOME_SLOT, [luaJson([{ role, ...denied }])], 'kills');
  }

  async claim(role: string, forMs: number, seen: number): Promise<WriteClaim | undefined> {
    const claimant = this.#unacknowledged.get(role) ?? randomBytes(8).toString('hex');
    this.#unacknowledged.delete(role);
    try {
      const args = [role, forMs, seen, claimant];
      // A failover that forgot it would give the fence once more, while its document is being written.
      const [fence] = await this.#slots.ask('claim-role', HOME_SLOT, args, 'kills');
      return fence === undefined ? undefined : { role, fence: Number(fence) };
    } catch (error) {
      this.#unacknowledged.set(role, claimant);
      throw error;
    }
  }

  async read({ role, fence }: WriteClaim): Promise<DenyState | undefined> {
    const answer = await this.#slots.ask('read-denials', HOME_SLOT, [role, fence], 'kill-callers');
    if (answer.length === 0) return undefined;
    const [before, until, ...rest] = answer as string[];
    const denied: Denied[] = [];
    for (let at = 0; at < rest.length; at += 3)
      denied.push({ session: rest[at]!, mintedBy: Number(rest[at + 1]), until: Number(rest[at + 2]) });
    const cutOff: CutOff = { before: Number(before), until: Number(until) };
    this.#memory.deny(role, denied, this.#slots.latest);
    if (cutOff.until === 0) return { denied };
    this.#memory.raise(role, cutOff);
    return { denied, cutOff };
  }

  async raise({ role, fence }: WriteClaim, cutOff: CutOff): Promise<boolean> {
    const args = [role, fence, cutOff.before, cutOff.until];
    const [held] = await this.#slots.ask('raise-cut-off', HOME_SLOT, args, 'kills');
    if (held === 1) this.#memory.raise(role, cutOff);
    return held === 1;
  }

  async release({ role, fence }: WriteClaim): Promise<void> {
    await this.#slots.ask('release-role', HOME_SLOT, [role, fence], 'kill-callers');
  }
}
