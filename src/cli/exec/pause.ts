// Waiting that somebody may end.
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** True when the time is over, false when the signal ended it. */
export const pause = (ms: number, signal: AbortSignal): Promise<boolean> =>
  new Promise((resolve) => {
    if (signal.aborted) return resolve(false);
    const end = (): void => {
      clearTimeout(timer);
      resolve(false);
    };
    const timer = setTimeout(
      () => {
        signal.removeEventListener('abort', end);
        resolve(true);
      },
      Math.min(Math.max(0, ms), LONGEST_TIMER_MS),
    );
    signal.addEventListener('abort', end, { once: true });
    return undefined;
  });
