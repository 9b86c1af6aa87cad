// How much is read that nobody wants, so that whoever sends it still gets to read our answer.
import type { Readable } from 'node:stream';

/** Closing on somebody who is still sending resets the connection, and with it the answer may be lost. */
const MOST_BYTES_EACH = 1024 * 1024;
const MOST_MS_EACH = 1000;
/** Of all callers together: reading it costs us a millisecond or two for each megabyte, and a flood would have all of it. */
const BYTES_PER_SECOND = 4 * 1024 * 1024;
const MOST_AT_ONCE = 8;

let left = BYTES_PER_SECOND;
let refilledAt = -Infinity;
let going = 0;

/** Reads on until nothing comes any more, or it has been enough; in a flood, not at all. */
export function readOn(from: Readable, done: () => void): void {
  if (going >= MOST_AT_ONCE || !afford(1)) {
    from.pause();
    done();
    return;
  }
  going++;
  let size = 0;
  const overdue = setTimeout(stop, MOST_MS_EACH);
  function stop(): void {
    clearTimeout(overdue);
    from.off('data', count).off('end', stop).off('close', stop).pause();
    going--;
    done();
  }
  function count(piece: Buffer): void {
    size += piece.length;
    if (size > MOST_BYTES_EACH || !afford(piece.length)) stop();
  }
  from.on('data', count).once('end', stop).once('close', stop);
  from.resume();
}

function afford(bytes: number): boolean {
  const now = performance.now();
  if (now - refilledAt >= 1000) {
    refilledAt = now;
    left = BYTES_PER_SECOND;
  }
  left -= bytes;
  return left >= 0;
}
