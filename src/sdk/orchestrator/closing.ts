// Closes a task, however long the broker is away, within bounds; and says loudly where nobody confirmed it.
import { factsIn } from '../client/errors.js';
import {
  type CompleteTaskRequest,
  type MayflyClient,
  MayflyError,
  type MayflyErrorCode,
  type TaskView,
} from '../client/index.js';
import { pause } from '../client/pause.js';

const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 3000;
/** For one answer: one that does not come is soon asked for again. */
const ANSWER_MS = 5000;

/** What another try would not change. */
const FINAL: ReadonlySet<MayflyErrorCode> = new Set([
  'ERR_USAGE',
  'ERR_FORBIDDEN',
  'ERR_NOT_FOUND',
  'ERR_REFUSED',
]);

/** @throws MayflyError `ERR_KILL_UNCONFIRMED`, with the deadline at which the task ends by itself */
export async function closed(
  broker: MayflyClient,
  { id, deadline }: Pick<TaskView, 'id' | 'deadline'>,
  ending: CompleteTaskRequest,
  withinMs: number,
): Promise<TaskView> {
  const over = AbortSignal.timeout(withinMs);
  let failure: unknown;
  for (let tries = 0; ; tries++) {
    try {
      return await broker.completeTask(id, ending, {
        signal: over,
        timeoutMs: Math.min(ANSWER_MS, withinMs),
      });
    } catch (error) {
      // What went wrong before tells more than that the time was over.
      if (!over.aborted || failure === undefined) failure = error;
      const { code, retryAfterMs = 0 } = error as MayflyError;
      const isLost = FINAL.has(code) || !(await waited(tries, retryAfterMs, over));
      if (isLost) throw unconfirmed(id, deadline, failure);
    }
  }
}

/** False where the time is over. */
async function waited(tries: number, retryAfterMs: number, over: AbortSignal): Promise<boolean> {
  const ownMs = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** tries) * (0.75 + Math.random() / 2);
  return pause(Math.max(ownMs, retryAfterMs), over).then(
    () => true,
    () => false,
  );
}

function unconfirmed(id: string, deadline: string, cause: unknown): MayflyError {
  const { name, message: said } = cause as Error;
  const why = name === 'TimeoutError' ? 'no answer in time' : said;
  const message = `nobody confirmed that the task ${id} is closed (${why}): what was issued for it may live until its deadline, ${deadline}`;
  const facts = { ...(cause instanceof MayflyError && factsIn(cause)), deadline };
  return new MayflyError('ERR_KILL_UNCONFIRMED', message, facts, cause);
}
