// One thing to be done at a later moment, which keeps no program from ending.

/** What a timer can wait for at the most: longer ones go off at once. */
const LONGEST_MS = 2 ** 31 - 1;

export class Timer {
  #waiting: ReturnType<typeof setTimeout> | undefined;

  /** In the place of what was to be done before. */
  set(ms: number, then: () => void): void {
    this.clear();
    const last = ms <= LONGEST_MS;
    const waiting = setTimeout(
      () => (last ? then() : this.set(ms - LONGEST_MS, then)),
      Math.min(Math.max(0, ms), LONGEST_MS),
    );
    this.#waiting = waiting;
    // Browsers give a number.
    (waiting as { unref?: () => void }).unref?.();
  }

  clear(): void {
    clearTimeout(this.#waiting);
  }
}
