// What this broker knows of kills: the union of all it did, read and heard of. Grow-only, so that a store that lost
// some of them can be given them back.
import type { Revocation } from '../../domain/revocation.js';
import { RevocationSet } from '../../domain/revocation.js';
import type { Quarantine } from '../store.js';

export class Union {
  readonly #kills = new RevocationSet();
  readonly #quarantines = new Map<string, Quarantine>();

  /** True where it says something new. */
  add(kill: Revocation): boolean {
    return this.#kills.add(kill);
  }

  quarantine(quarantine: Quarantine): void {
    if (!this.#quarantines.has(quarantine.agent)) this.#quarantines.set(quarantine.agent, quarantine);
  }

  /** By an operator: the only thing that is ever taken back. */
  lift(agent: string): void {
    this.#quarantines.delete(agent);
  }

  forgetMoot(now: number): void {
    this.#kills.prune(now);
  }

  all(): { kills: readonly Revocation[]; quarantines: readonly Quarantine[] } {
    return { kills: this.#kills.all(), quarantines: [...this.#quarantines.values()] };
  }
}
