// Places at a target: so many at a time, and a short line of those who wait for one.

export interface PlaceTerms {
  readonly most: number;
  /** Who comes when so many are waiting is turned away at once. */
  readonly mostWaiting: number;
  readonly waitMs: number;
}

export class Places {
  readonly #terms: PlaceTerms;
  #taken = 0;
  readonly #waiting = new Set<(got: boolean) => void>();

  constructor(terms: PlaceTerms) {
    this.#terms = terms;
  }

  get areEmpty(): boolean {
    return this.#taken === 0;
  }

  /** Whether there was one. Known at once, unless it has to be waited for. */
  take(): boolean | Promise<boolean> {
    const { most, mostWaiting, waitMs } = this.#terms;
    if (this.#taken < most) {
      this.#taken++;
      return true;
    }
    if (this.#waiting.size >= mostWaiting) return false;
    return new Promise((resolve) => {
      const turn = (got: boolean): void => {
        clearTimeout(patience);
        this.#waiting.delete(turn);
        resolve(got);
      };
      const patience = setTimeout(() => turn(false), waitMs);
      this.#waiting.add(turn);
    });
  }

  /** It goes to whoever has waited longest. */
  free(): void {
    const [first] = this.#waiting;
    if (first) first(true);
    else this.#taken--;
  }

  /** Sends away all who wait: it is of no use any more. */
  sendAway(): void {
    for (const turn of this.#waiting) turn(false);
  }
}
