// Writing back what a store may have lost: many kills to a call, slot by slot, so that it takes seconds for thousands.
import type { LeaseId, TaskId } from '../../domain/ids.js';
import { isLeaseId, leaseSlot, slotOf } from '../../domain/ids.js';
import type { Revocation } from '../../domain/revocation.js';
import { selectorText } from '../../domain/selector.js';
import type { Quarantine } from '../store.js';
import type { Lane } from './connections.js';
import { ALL_SLOTS, HOME_SLOT } from './keys.js';
import type { KillRecord } from './records.js';
import { killRecord, luaJson } from './records.js';
import type { Argument } from './slots.js';
import type { WideTerms } from './wide-kill.js';
import { keptFor } from './wide-kill.js';

/** What a script may be given at once: it takes some milliseconds. */
const MOST_AT_ONCE = 50;
/**
 * A server does one after the other: more would only wait for each other, each for as long as a call may take, and all of
 * it would begin anew. Two, so that it need not wait for us.
 */
const SLOTS_AT_ONCE = 2;

type Item =
  { readonly selector: string; readonly kill: KillRecord } | { readonly bar: string; readonly why: string };

/** Calls `restore-kills` in a slot. */
export type RestoringCall = (slot: number, args: readonly Argument[], lane: Lane) => Promise<unknown>;

/** A name that is no lease's can still be killed: it is kept at home, where it names nothing. */
export const slotOfLease = (id: LeaseId): number =>
  isLeaseId(id) ? leaseSlot(id) % ALL_SLOTS.length : HOME_SLOT;

/** Idempotent. Resolves when replicas have all of it, as configured. */
export async function restore(
  kills: readonly Revocation[],
  quarantines: readonly Quarantine[],
  terms: WideTerms,
  call: RestoringCall,
): Promise<void> {
  const everywhere: Item[] = quarantines.map((quarantine) => ({
    bar: `agent:${quarantine.agent}`,
    why: luaJson(quarantine),
  }));
  const narrow: Item[][] = ALL_SLOTS.map(() => []);
  for (const kill of kills) {
    const item = { selector: selectorText(kill), kill: killRecord(kill) };
    if (kill.kind === 'task') narrow[slotOf(kill.name as TaskId)]!.push(item);
    else if (kill.kind === 'lease') narrow[slotOfLease(kill.name as LeaseId)]!.push(item);
    else everywhere.push(item);
  }
  const restoreIn = async (slot: number): Promise<void> => {
    const items = [...everywhere, ...narrow[slot]!];
    const tell = slot === HOME_SLOT ? 'tell' : '';
    for (let at = 0; at < items.length; at += MOST_AT_ONCE) {
      const some = luaJson(items.slice(at, at + MOST_AT_ONCE));
      // Replicas follow in order: one that has the last call has all before it.
      const lane = at + MOST_AT_ONCE < items.length ? 'calls' : 'kills';
      await call(slot, [keptFor(terms), terms.skewMs, some, tell], lane);
    }
  };
  for (let at = 0; at < ALL_SLOTS.length; at += SLOTS_AT_ONCE)
    await Promise.all(ALL_SLOTS.slice(at, at + SLOTS_AT_ONCE).map(restoreIn));
}
