// Work inside a task: whatever becomes of the work, the task ends.
import { opened } from './opening.js';
import type { ChildTerms } from './options.js';
import type { Body, Parts, RunningTask } from './running-task.js';

export async function within<Result>(task: RunningTask, body: Body<Result>): Promise<Result> {
  let result: Result;
  try {
    result = await body(task);
  } catch (error) {
    // Neither hides the other: what went wrong, and that what was issued may still be alive.
    await task.fail(because(error)).catch((unconfirmed: Error) => {
      const message = `the work in the task ${task.id} failed, and ${unconfirmed.message}`;
      throw new AggregateError([error, unconfirmed], message, { cause: error });
    });
    throw error;
  }
  await task.complete();
  if (task.isInterrupted) task.signal.throwIfAborted();
  return result;
}

/** Ends with its parent, so nobody has to end it when the program does. */
export async function childOf<Result>(
  parts: Parts,
  parent: RunningTask,
  { name, signal, ...terms }: ChildTerms,
  body: Body<Result>,
): Promise<Result> {
  const { ttl, completionTimeoutMs, keepAlive } = parts.terms;
  const own = {
    ttl,
    agents: [...parent.view.agents],
    ...(completionTimeoutMs !== undefined && { completionTimeoutMs }),
    ...(keepAlive !== undefined && { keepAlive }),
    ...terms,
    parent: parent.id,
    ...(name !== undefined && { id: `${parent.id}.${name}` }),
    signal: signal ? AbortSignal.any([parent.signal, signal]) : parent.signal,
    endsWithProgram: false,
  };
  return within(await opened({ ...parts, terms: own }), body);
}

/** For the record, which holds no secret: so what was thrown is named, and not what it says. */
function because(error: unknown): string {
  const { name } = (error ?? {}) as { name?: unknown };
  return typeof name === 'string' && /^\w{1,64}$/.test(name) ? `the work threw ${name}` : 'the work threw';
}
