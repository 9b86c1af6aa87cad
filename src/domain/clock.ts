// Where the time comes from. Pure code takes `now` as a parameter; everything else takes a Clock.
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
}

/**
 * The machine's time, which never goes back while we run: when somebody sets the clock back, time goes on
 * by the monotonic clock, so that no deadline is put off.
 */
export function systemClock(wall = Date.now, monotonic = () => performance.now()): Clock {
  let latest = wall();
  let seenAt = monotonic();
  return {
    now() {
      const elapsedMs = monotonic() - seenAt;
      latest = Math.max(wall(), latest + elapsedMs);
      seenAt += elapsedMs;
      return Math.floor(latest);
    },
  };
}
