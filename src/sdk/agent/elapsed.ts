// The time that has gone by, by which credentials are judged: no wall clock is trusted to say what time it is.

/**
 * Milliseconds from some moment on; only their differences mean anything. A wall clock that is set back holds nothing
 * up, and a machine that slept, whose monotonic clock stood still, finds by the wall clock how long.
 */
export function elapsed(wall = Date.now, monotonic = () => performance.now()): () => number {
  let latest = wall();
  let seenAt = monotonic();
  return () => {
    const at = monotonic();
    latest = Math.max(latest + (at - seenAt), wall());
    seenAt = at;
    return latest;
  };
}
