// Opens a task such that one which was opened without our knowing is closed again.
import { MayflyError, type OpenTaskRequest } from '../client/index.js';
import type { TaskTerms } from './options.js';
import { type Parts, RunningTask } from './running-task.js';

const ABANDONED_WITHIN_MS = 2000;

export async function opened(parts: Parts): Promise<RunningTask> {
  const { broker, clock, terms } = parts;
  const { signal } = terms;
  signal?.throwIfAborted();
  const asked = { ...bodyOf(terms), id: terms.id ?? newId(terms.parent) };
  try {
    const view = await broker.openTask(asked, signal && { signal });
    clock.hear(Date.parse(view.opened_at));
    return new RunningTask(parts, view);
  } catch (error) {
    // Nobody else can have opened a task by this name. One that has its name from the caller may be opened again.
    if (terms.id === undefined && mayHaveOpened(error)) {
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
