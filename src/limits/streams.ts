// Streams that are held open: how many there are, and whose.
import type { PrincipalName } from '../domain/ids.js';
import { Refusal } from '../domain/refusal.js';
import type { LimitName } from './settings.js';

/** Whoever finds no place tries again by then; nobody knows when one leaves. */
const TRY_AGAIN_AFTER_MS = 5000;

export class Streams {
  most: number | undefined;
  mostOfOne: number | undefined;
  readonly #held = new Map<PrincipalName, number>();
  #all = 0;

  /** How to let go of the place, which may be said twice; or why there is none. */
  enter(principal: PrincipalName): (() => void) | Refusal {
    const held = this.#held.get(principal) ?? 0;
    if (held >= (this.mostOfOne ?? Infinity)) return tooMany('streams_per_principal');
    if (this.#all >= (this.most ?? Infinity)) return tooMany('streams');
    this.#held.set(principal, held + 1);
    this.#all++;
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#all--;
      const left = this.#held.get(principal)! - 1;
      if (left > 0) this.#held.set(principal, left);
      else this.#held.delete(principal);
    };
  }
}

const tooMany = (limit: LimitName): Refusal =>
  new Refusal('too_many_streams', limit, [], { retryAfterMs: TRY_AGAIN_AFTER_MS });
