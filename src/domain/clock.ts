// Where the time comes from. Pure code takes `now` as a parameter; everything else takes a Clock.
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
}

/**
 * Milliseconds from some moment on, of which only differences mean anything: by the monotonic clock, which stands still
 * while the machine is suspended, and by the wall clock where that has gone further. Never back.
 */
export function passing(wall = Date.now, monotonic = () => performance.now()): () => number {
  let latest = wall();
  let seenAt = monotonic();
  return () => {
    const at = monotonic();
    latest = Math.max(wall(), latest + (at - seenAt));
    seenAt = at;
    return latest;
  };
}

/**
 * The machine's time, which never goes back while we run: when somebody sets the clock back, time goes on
 * by the monotonic clock, so that no deadline is put off.
 */
export function systemClock(wall?: () => number, monotonic?: () => number): Clock {
  const time = passing(wall, monotonic);
  return { now: () => Math.floor(time()) };
}
