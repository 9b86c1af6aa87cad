// What a load reaches from second to second: what an average hides.
const SECOND_MS = 1000;

export class Pace {
  readonly #seconds: number[] = [];
  #start = performance.now();

  /** From here on it counts anew. */
  restart(): void {
    this.#seconds.length = 0;
    this.#start = performance.now();
  }

  answered(): void {
    const second = Math.floor((performance.now() - this.#start) / SECOND_MS);
    this.#seconds[second] = (this.#seconds[second] ?? 0) + 1;
  }

  /** Answers in each second that is over, in turn. */
  get perSecond(): readonly number[] {
    const over = Math.floor((performance.now() - this.#start) / SECOND_MS);
    return Array.from({ length: over }, (_, second) => this.#seconds[second] ?? 0);
  }
}
