// Whether the credential that a command works with is still alive.
import type { Say } from './say.js';
import type { HeldCredential } from './held-credential.js';
import { pause } from './pause.js';

/** Resolves with `over` when the time of a credential that stands in the environment is over. Never rejects. */
export async function sayWhenSpent(
  held: HeldCredential,
  say: Say,
  signal: AbortSignal,
): Promise<'over' | 'stopped'> {
  if (!(await pause(held.lifeMs, signal))) return 'stopped';
  say('the credential has ended, and a variable cannot be replaced: --file keeps one fresh');
  return 'over';
}

interface Watch {
  readonly watchMs: number;
  readonly say: Say;
  readonly signal: AbortSignal;
}

/**
 * Asks the broker again and again, and resolves with `over` when it was killed. A broker that does not answer kills
 * nothing. Never rejects.
 */
export async function untilDead(
  held: HeldCredential,
  { watchMs, say, signal }: Watch,
): Promise<'over' | 'stopped'> {
  while (await pause(watchMs * (0.9 + Math.random() / 5), signal)) {
    const killed = await held.killedBy(signal).catch(() => undefined);
    if (killed === undefined || signal.aborted) continue;
    say(`the credential is dead: ${killed}`);
    return 'over';
  }
  return 'stopped';
}
