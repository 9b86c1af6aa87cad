// A circuit breaker: after failures in a row nothing more is tried for a pause, and then one try says how it goes on.
import { MINUTE_MS, SECOND_MS } from '../domain/duration.js';

/** Of so many different leases in a row. */
const MOST_FAILURES = 5;
const FIRST_PAUSE_MS = SECOND_MS;
const LONGEST_PAUSE_MS = MINUTE_MS;
/** How soon to ask again while a try is under way. */
const TRYING_MS = SECOND_MS;

export class Breaker {
  readonly #random: () => number;
  /** One lease that its target never lets go of is no sign that the target is down: it counts once. */
  readonly #failing = new Set<string>();
  /** How often it has opened since it was last closed; 0 is closed. */
  #openings = 0;
  #until = 0;
  #trying = false;

  constructor(random: () => number) {
    this.#random = random;
  }

  get isClosed(): boolean {
    return this.#openings === 0;
  }

  /** For how long nothing may be tried; 0 where something may. Milliseconds. */
  shutFor(now: number): number {
    if (this.isClosed) return 0;
    return this.#trying ? TRYING_MS : Math.max(0, this.#until - now);
  }

  /** Whoever is let in while it is open is the one try. Answers whether this is it. */
  begin(): boolean {
    if (this.isClosed) return false;
    return (this.#trying = true);
  }

  /** The try came to nothing that says anything of the target. */
  giveBack(): void {
    this.#trying = false;
  }

  succeeded(): void {
    this.#failing.clear();
    this.#openings = 0;
    this.#trying = false;
  }

  /** Answers whether it has opened by this. What had begun before it opened does not lengthen the pause. */
  failed(lease: string, wasTry: boolean, now: number): boolean {
    if (wasTry) {
      this.#trying = false;
    } else {
      if (!this.isClosed || this.#failing.add(lease).size < MOST_FAILURES) return false;
      this.#failing.clear();
    }
    const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** this.#openings, LONGEST_PAUSE_MS);
    this.#openings++;
    // With jitter over its upper half, so that many brokers do not try a target in step.
    this.#until = now + Math.round(pauseMs * (0.5 + this.#random() / 2));
    return true;
  }
}
