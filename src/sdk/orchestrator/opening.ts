// Opens a task such that one which was opened without our knowing is closed again.
import { MayflyError, type OpenTaskRequest } from '../client/index.js';
import { pause } from '../client/pause.js';
import type { TaskTerms } from './options.js';
import { type Ending, dismiss, enlist } from './program-end.js';
import { type Parts, RunningTask } from './running-task.js';

const ABANDONED_WITHIN_MS = 2000;

export async function opened(parts: Parts): Promise<RunningTask> {
  const { signal, completionTimeoutMs, endsWithProgram = true } = parts.terms;
  signal?.throwIfAborted();
  // Found out when the work is done, it would leave the task open.
  if (completionTimeoutMs !== undefined) checkTimeout(completionTimeoutMs);
  if (!endsWithProgram) return attempted(parts, signal);
  const programEnd = new AbortController();
  const attempt = attempted(parts, AbortSignal.any([programEnd.signal, ...(signal ? [signal] : [])]));
  const atProgramEnd: Ending = {
    async end(_outcome, reason, withinMs) {
      programEnd.abort(new MayflyError('ERR_TASK_OVER', `the task was not opened: ${reason}`));
      await Promise.race([attempt.catch(() => {}), pause(withinMs)]);
      dismiss(atProgramEnd);
    },
  };
  enlist(atProgramEnd);
  try {
    return await attempt;
  } finally {
    dismiss(atProgramEnd);
  }
}

/** What a timer can wait for; NaN is what an unset variable makes. */
function checkTimeout(ms: number): void {
  if (Number.isInteger(ms) && ms >= 1 && ms < 2 ** 31) return;
  throw new MayflyError(
    'ERR_USAGE',
    `completionTimeoutMs is a whole number from 1 to ${2 ** 31 - 1}, not ${ms}`,
  );
}

async function attempted(parts: Parts, signal: AbortSignal | undefined): Promise<RunningTask> {
  const { broker, clock, terms } = parts;
  const asked = { ...bodyOf(terms), id: terms.id ?? newId(terms.parent) };
  try {
    const view = await broker.openTask(asked, signal && { signal });
    clock.hear(Date.parse(view.opened_at));
    return new RunningTask(parts, view);
  } catch (error) {
    // Nobody else can have opened a task by this name. One that has its name from the caller may be opened again.
    if (terms.id === undefined && (signal?.aborted || mayHaveOpened(error))) {
      const ending = { outcome: 'cancelled', reason: 'its opening was given up' } as const;
      await broker.completeTask(asked.id, ending, { timeoutMs: ABANDONED_WITHIN_MS }).catch(() => {});
    }
    throw error;
  }
}

/** Known before it is opened: so opening twice is one task, and one whose opening was not heard of can be closed. */
function newId(parent: string | undefined): string {
  const name = `task-${globalThis.crypto.randomUUID()}`;
  return parent === undefined ? name : `${parent}.${name}`;
}

function mayHaveOpened(error: unknown): boolean {
  if (!(error instanceof MayflyError)) return true;
  return error.status === undefined ? /UNREACHABLE|TIMEOUT/.test(error.code) : error.status >= 500;
}

function bodyOf(terms: TaskTerms): OpenTaskRequest {
  const { parent, purpose, agents, instance, tools, ttl, labels } = terms;
  return {
    purpose,
    agents,
    tools,
    ttl,
    ...(parent !== undefined && { parent }),
    ...(instance && { instance }),
    ...(labels && { labels }),
  };
}
