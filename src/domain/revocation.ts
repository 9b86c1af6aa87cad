// Revocations: the selectors in force, and whether a lease is among what they kill.
import type { PrincipalName, RequestId } from './ids.js';
import { lineageOf } from './ids.js';
import type { Lease } from './lease.js';
import type { Selector, SelectorKind } from './selector.js';
import { selectorText } from './selector.js';

/** A selector in force. Grow-only: never removed before it is moot. */
export interface Revocation extends Selector {
  /** Kills what was issued at or before this store time; Infinity where the kind has no cut-off. */
  readonly cutoff: number;
  /** From this store time on it can no longer name anything alive, skew included. */
  readonly mootAt: number;
  readonly at: number;
  readonly by: PrincipalName | 'mayfly';
  readonly reason?: string;
  readonly requestId?: RequestId;
}

/** What a selector looks at in a lease. */
export type Selectable = Pick<
  Lease,
  'id' | 'taskId' | 'agent' | 'actors' | 'tool' | 'trust' | 'keyId' | 'issuedAt'
>;

/** The union of all selectors in force: what it has once been told it does not forget until that is moot. */
export class RevocationSet {
  /** By selector, in the order of their cut-offs: an agent may be killed more than once. */
  readonly #entries = new Map<string, Revocation[]>();

  /** Adds. What says nothing new (a cut-off and an end that are covered already) is passed over. */
  add(revocation: Revocation): boolean {
    const key = selectorText(revocation);
    const known = this.#entries.get(key) ?? [];
    if (known.some((entry) => entry.cutoff >= revocation.cutoff && entry.mootAt >= revocation.mootAt))
      return false;
    this.#entries.set(
      key,
      [...known, revocation].sort((a, b) => a.cutoff - b.cutoff),
    );
    return true;
  }

  /** The kill that ended this lease, or undefined: at most a dozen look-ups, whatever the size of the set. */
  killerOf(lease: Selectable): Revocation | undefined {
    if (this.#entries.size === 0) return undefined;
    let earliest: Revocation | undefined;
    const consider = (kind: SelectorKind, name: string): void => {
      const entry = this.#entries
        .get(selectorText({ kind, name }))
        ?.find((one) => lease.issuedAt <= one.cutoff);
      if (entry && (!earliest || entry.at < earliest.at)) earliest = entry;
    };
    consider('lease', lease.id);
    for (const task of lineageOf(lease.taskId)) consider('task', task);
    consider('agent', lease.agent);
    for (const actor of lease.actors) consider('agent', actor);
    consider('tool', lease.tool);
    consider('trust', lease.trust);
    if (lease.keyId !== undefined) consider('key', lease.keyId);
    consider('all', '');
    return earliest;
  }

  has(selector: Selector): boolean {
    return this.hasText(selectorText(selector));
  }

  hasText(selector: string): boolean {
    return this.#entries.has(selector);
  }

  /** Forgets what is moot: from then on nothing it names can be alive. */
  prune(now: number): void {
    for (const [key, entries] of this.#entries) {
      const live = entries.filter((entry) => entry.mootAt > now);
      if (live.length === 0) this.#entries.delete(key);
      else if (live.length < entries.length) this.#entries.set(key, live);
    }
  }

  all(): Revocation[] {
    return [...this.#entries.values()].flat();
  }
}
