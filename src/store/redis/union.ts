// What this broker knows of kills: the union of all it did, read and heard of. Grow-only, so that a store that lost
// some of them can be given them back.
import type { Revocation } from '../../domain/revocation.js';
import { RevocationSet } from '../../domain/revocation.js';
import type { Quarantine } from '../store.js';

export class Union {
  readonly #kills = new RevocationSet();
  /** For good, as a killed key never signs again; whatever is moot for verifiers. */
  readonly #keys = new Map<string, Revocation>();
  readonly #quarantines = new Map<string, Quarantine>();

  /** True where it says something new. */
  add(kill: Revocation): boolean {
    if (kill.kind === 'key') this.#keys.set(kill.name, kill);
    return this.#kills.add(kill);
  }

  /** Quarantines are the only thing that is ever taken back, by an operator. */
  setQuarantines(quarantines: readonly Quarantine[]): void {
    this.#quarantines.clear();
    for (const quarantine of quarantines) this.#quarantines.set(quarantine.agent, quarantine);
  }

  lift(agent: string): void {
    this.#quarantines.delete(agent);
  }

  forgetMoot(now: number): void {
    this.#kills.prune(now);
  }

  all(): { kills: readonly Revocation[]; quarantines: readonly Quarantine[] } {
    const kills = this.#kills.all().filter(({ kind }) => kind !== 'key');
    return { kills: [...kills, ...this.#keys.values()], quarantines: [...this.#quarantines.values()] };
  }
}
