// Runs work in a task that lives exactly as long as the work.
import { openTask } from './open-task.js';
import type { TaskOptions } from './options.js';
import type { Body } from './running-task.js';
import { within } from './within.js';

/**
 * Opens a task, runs the work, and closes the task: `completed` where it returns, `failed` where it throws, `cancelled`
 * at once where `signal` aborts. Settles when the work has, and every credential of the task is dead.
 *
 * @returns what the work returns
 * @throws what the work throws; the reason of `signal` where the work returned in spite of that; `ERR_KILL_UNCONFIRMED`
 *   where nobody confirmed the end; where the work had thrown, an `AggregateError` of both
 *
 * @example
 * const letter = await withTask({ broker, token, purpose, agents, tools, ttl: '5m' }, (task) => write(task.id));
 */
export async function withTask<Result>(options: TaskOptions, body: Body<Result>): Promise<Result> {
  return within(await openTask(options), body);
}
