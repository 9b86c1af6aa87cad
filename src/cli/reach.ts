// Waits, in sight of a person, until the verifiers that are told of a kill go by it. The kill itself is done.
import { setTimeout as pause } from 'node:timers/promises';
import { MayflyError, type MayflyClient } from '../sdk/client/index.js';
import type { Shell } from './shell.js';

const LOOK_EVERY_MS = 250;
/** Two heartbeats, and the time that they take to say so. */
const LONGEST_MS = 4000;

/** Says how many have applied what was killed at `at`, where anybody reads the feed. Whoever may not see that, or a broker that cannot tell, is no failure. */
export async function sayReach(shell: Shell, client: MayflyClient, at: string): Promise<void> {
  const until = performance.now() + LONGEST_MS;
  const stop = new AbortController();
  const off = shell.onInterrupt(() => stop.abort());
  try {
    for (;;) {
      const { connected, applied = 0 } = await client.listVerifiers({ since: at }, { signal: stop.signal });
      if (!(connected > 0)) return;
      if (applied >= connected || performance.now() >= until)
        return shell.out(`applied by ${applied} of ${connected} verifiers`);
      await pause(LOOK_EVERY_MS, undefined, { signal: stop.signal });
    }
  } catch (error) {
    if (!(error instanceof MayflyError) && !stop.signal.aborted) throw error;
  } finally {
    off();
  }
}
