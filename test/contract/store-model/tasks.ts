// Commands on tasks: open, close, extend.
import { expect } from '@jest/globals';
import * as fc from 'fast-check';
import { parentOf } from '../../../src/domain/ids.js';
import { NAMED_OUTCOMES } from '../../../src/domain/task.js';
import type { Scene } from '../store/scene.js';
import { entry, granted, newTask, OPERATOR, PLANNER, reasonOf, select, taskId } from '../store/scene.js';
import { command, someTask, task, taskOf, taskTtlMs, ttlMs } from './command.js';
import type { StoreModel } from './model.js';
import { FIRST_TASKS } from './names.js';

export const open = command(
  'open',
  fc.record({ id: task, ttlMs: taskTtlMs }),
  async (asked, model, { scene }) => {
    const parent = parentOf(taskId(asked.id));
    const result = await scene.store.openTask(newTask(asked.id, { ttlMs: asked.ttlMs }), entry());
    const known = model.tasks.get(asked.id);
    if (known) {
      expect(granted(result)).toMatchObject({ created: false, task: { deadline: known.deadline } });
    } else if (parent !== undefined && !model.tasks.has(parent)) {
      expect(reasonOf(result)).toBe('parent_unknown');
    } else if (parent !== undefined && !model.isOpen(parent)) {
      expect(reasonOf(result)).toBe('task_closed');
    } else {
      const { task: opened, created } = granted(result);
      expect(created).toBe(true);
      const bound = parent === undefined ? Infinity : model.tasks.get(parent)!.deadline;
      expect(opened.deadline).toBe(Math.min(opened.openedAt + asked.ttlMs, bound));
      model.tasks.set(asked.id, { id: asked.id, openedAt: opened.openedAt, deadline: opened.deadline });
    }
  },
);

export const close = command(
  'close',
  fc.record({
    task: someTask,
    outcome: fc.constantFrom(...NAMED_OUTCOMES, 'revoked' as const),
  }),
  async ({ task: given, outcome }, model, { scene }) => {
    const id = taskOf(model, given);
    const known = model.tasks.get(id);
    const { closed: before } = known ?? {};
    if (outcome === 'revoked') {
      if (!known) return; // it would never be opened again, and the run would be a short one
      const revocation = await scene.store.revoke({ select: select('task', id), by: OPERATOR }, entry());
      const { at } = (await scene.store.readTask(taskId(id)))!.closed!;
      expect(revocation.at).toBe(at);
      const killed = before ? undefined : model.close(id, Math.max(at, model.now), outcome);
      if (killed) expect(await scene.store.countSelected(select('task', id), revocation)).toEqual(killed);
      return;
    }
    const result = await scene.store.closeTask(taskId(id), { outcome, by: PLANNER }, entry());
    if (!known) return expect(reasonOf(result)).toBe('task_unknown');
    const { closed } = granted(result);
    if (before) expect(closed).toMatchObject(before);
    else model.close(id, Math.max(closed!.at, model.now), outcome);
  },
);

export const extend = command(
  'extend',
  fc.record({ task: someTask, ttlMs }),
  async (asked, model, { scene }) => {
    const id = taskOf(model, asked.task);
    const known = model.tasks.get(id);
    const bounds = { deadline: model.now + asked.ttlMs, maxTtlMs: 500_000 };
    const result = await scene.store.extendTask(taskId(id), bounds, entry());
    if (!known) return expect(reasonOf(result)).toBe('task_unknown');
    if (!model.isOpen(id)) return expect(reasonOf(result)).toBe('task_closed');
    if (bounds.deadline > known.openedAt + bounds.maxTtlMs)
      return expect(reasonOf(result)).toBe('task_ttl_exceeded');
    const parent = model.tasks.get(parentOf(taskId(id)) ?? '');
    const deadline = Math.min(bounds.deadline, parent?.deadline ?? Infinity);
    if (deadline <= known.deadline) return expect(reasonOf(result)).toBe('deadline_not_later');
    known.deadline = granted(result).deadline;
    expect(known.deadline).toBe(deadline);
  },
);

/** What every run begins with, so that its commands find something to be about. */
export async function openFirstTasks(model: StoreModel, { store }: Scene): Promise<void> {
  for (const id of FIRST_TASKS) {
    const { task: opened } = granted(await store.openTask(newTask(id), entry()));
    model.tasks.set(id, { id, openedAt: opened.openedAt, deadline: opened.deadline });
  }
}
