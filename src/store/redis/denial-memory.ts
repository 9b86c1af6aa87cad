// What this broker has added to the denials of roles, or read of them: a store that lost some of it is given it back.
import type { CutOff, Denied, Seat } from '../deny-store.js';
import { HOME_SLOT } from './keys.js';
import { luaJson } from './records.js';
import type { Slots } from './slots.js';

/** What a script may be given at once. */
const MOST_AT_ONCE = 50;
const LOOK_FIRST_AT = 256;

/** What `add-denials` takes. */
type Item = { readonly role: string; readonly until: number } & (Denied | CutOff | { readonly seat: string });

export class DenialMemory {
  readonly #denied = new Map<string, Map<string, Denied>>();
  readonly #cutOffs = new Map<string, CutOff>();
  readonly #seats = new Map<string, Seat & { readonly role: string }>();
  /** With how many seats those that are over are looked for: twice as many as stayed, so that none costs more than two looks. */
  #lookAgainAt = LOOK_FIRST_AT;

  /** Grow-only until moot, as the store is. */
  deny(role: string, entries: readonly Denied[], now: number): void {
    const known = this.#denied.get(role) ?? new Map<string, Denied>();
    this.#denied.set(role, known);
    for (const { session, mintedBy, until } of entries) {
      const before = known.get(session);
      known.set(session, {
        session,
        mintedBy: Math.max(mintedBy, before?.mintedBy ?? 0),
        until: Math.max(until, before?.until ?? 0),
      });
    }
    for (const [session, { until }] of known) if (until <= now) known.delete(session);
  }

  raise(role: string, { before, until }: CutOff): void {
    const known = this.#cutOffs.get(role);
    this.#cutOffs.set(role, {
      before: Math.max(before, known?.before ?? 0),
      until: Math.max(until, known?.until ?? 0),
    });
  }

  seat(role: string, { session, until }: Seat, now: number): void {
    this.#seats.set(session, { session, until, role });
    if (this.#seats.size < this.#lookAgainAt) return;
    for (const [name, seat] of this.#seats) if (seat.until <= now) this.#seats.delete(name);
    this.#lookAgainAt = Math.max(LOOK_FIRST_AT, 2 * this.#seats.size);
  }

  unseat(session: string): void {
    this.#seats.delete(session);
  }

  /** Behind the gate: see recovery.ts. Idempotent. Resolves when replicas have it, as configured. */
  async writeBack(slots: Slots): Promise<void> {
    const items = this.#items(slots.latest);
    for (let at = 0; at < items.length; at += MOST_AT_ONCE) {
      // Replicas follow in order: one that has the last call has all before it.
      const lane = at + MOST_AT_ONCE < items.length ? 'calls' : 'kills';
      await slots.passing('add-denials', HOME_SLOT, [luaJson(items.slice(at, at + MOST_AT_ONCE))], lane);
    }
  }

  #items(now: number): Item[] {
    const items: Item[] = [];
    for (const [role, cutOff] of this.#cutOffs) items.push({ role, ...cutOff });
    for (const [role, denied] of this.#denied)
      for (const one of denied.values()) items.push({ role, ...one });
    for (const { session, role, until } of this.#seats.values()) items.push({ seat: session, role, until });
    return items.filter(({ until }) => until > now);
  }
}
