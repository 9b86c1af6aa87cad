// Keeps the file of a running command fresh: a new credential well before the old one ends, also through an outage.
import type { CredentialFile } from './credential-file.js';
import type { Say } from './say.js';
import { CredentialOver, type HeldCredential, timeIn } from './held-credential.js';
import { pause } from './pause.js';

/** The nearer the end of the task, the shorter each credential lives. */
const SOONEST_MS = 500;
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 15_000;

/** What ends it. */
export interface Ending {
  /** No further renewal is begun. */
  readonly over: AbortSignal;
  /** A request that is under way is given up: what it brings will run out by itself. */
  readonly hangUp: AbortSignal;
}

/** Resolves with `over` when the broker refuses a new one, and with `stopped` when it is told to. Never rejects. */
export async function keepFresh(
  held: HeldCredential,
  file: CredentialFile,
  say: Say,
  { over, hangUp }: Ending,
): Promise<'over' | 'stopped'> {
  let failures = 0;
  while (!over.aborted) {
    const waitMs = failures === 0 ? Math.max(SOONEST_MS, held.freshMs) : backoff(failures);
    if (!(await pause(waitMs, over))) break;
    try {
      await held.renew(hangUp);
      if (over.aborted) break;
      await file.put(held.credential);
      if (failures > 0) say('the credential is fresh again');
      failures = 0;
    } catch (error) {
      if (over.aborted) break;
      const { message } = error as Error;
      if (error instanceof CredentialOver) {
        say(`there is no new credential: ${message}`);
        // The present one may be good until its end; if it is dead already, the watch finds out.
        return (await pause(held.lifeMs, over)) ? 'over' : 'stopped';
      }
      // Once, and not at every try: these lines stand between what the command writes.
      if (failures === 0)
        say(`no new credential yet: ${message}; the present one ends at ${timeIn(held.lifeMs)}; trying on`);
      failures++;
    }
  }
  return 'stopped';
}

const backoff = (failures: number): number =>
  Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (failures - 1)) * (0.75 + Math.random() / 2);
