// How much time has passed, by two clocks of this machine neither of which is trusted alone.

/** Where the two readings come from, in milliseconds. */
export interface MachineClocks {
  /** Stands still while the machine is suspended. */
  monotonic(): number;
  /** Goes on meanwhile, and may be set by whoever runs the machine. */
  wall(): number;
}

export const machineClocks: MachineClocks = { monotonic: () => performance.now(), wall: () => Date.now() };

/** The wall clock counts whole milliseconds, and is read a moment later: less than this is no suspension. */
const JITTER_MS = 20;
const MARK_EVERY_MS = 1000;

/** One moment: the most and the least that have passed until then, since this program began to count. */
export interface Moment {
  readonly most: number;
  readonly least: number;
}

export class Elapsed {
  readonly #clocks: MachineClocks;
  #monotonicMark: number;
  #wallMark: number;
  #most = 0;

  constructor(clocks: MachineClocks) {
    this.#clocks = clocks;
    this.#monotonicMark = clocks.monotonic();
    this.#wallMark = clocks.wall();
  }

  /**
   * The larger of both, from one mark to the next: a suspended machine stops the one clock, and setting the other back
   * takes nothing away that was counted.
   */
  most(): number {
    const monotonic = this.#clocks.monotonic();
    const wall = this.#clocks.wall();
    const ran = monotonic - this.#monotonicMark;
    const shown = wall - this.#wallMark;
    if (ran < MARK_EVERY_MS && shown <= ran + JITTER_MS) return this.#most + ran;
    this.#most += shown > ran + JITTER_MS ? shown : ran;
    this.#monotonicMark = monotonic;
    this.#wallMark = wall;
    return this.#most;
  }

  moment(): Moment {
    return { most: this.most(), least: this.#clocks.monotonic() };
  }
}
