// The store's contract on tasks: opening, extending and closing.
import { describe, expect, it } from '@jest/globals';
import { MINUTE_MS, SECOND_MS } from '../../../src/domain/duration.js';
import type { PrincipalName } from '../../../src/domain/ids.js';
import type { NewTask } from '../../../src/store/store.js';
import type { Scene } from './scene.js';
import { entry, granted, newTask, OPERATOR, PLANNER, reasonOf, select, taskId } from './scene.js';

export function describeTasks(begin: () => Promise<Scene>): void {
  describe('opening a task', () => {
    it('keeps every term, and starts at the store’s time', async () => {
      const { store, clock } = await begin();
      const asked = newTask('run-1');
      const { task, created } = granted(await store.openTask(asked, entry()));
      const { ttlMs, ...terms } = asked;
      expect(created).toBe(true);
      expect(task).toEqual({ ...terms, state: 'open', openedAt: clock.now(), deadline: clock.now() + ttlMs });
      expect(await store.readTask(taskId('run-1'))).toEqual(task);
    });

    it('is idempotent: the same id, body and orchestrator again give the task that exists, whatever the time', async () => {
      const scene = await begin();
      const first = await scene.task('run-1');
      scene.clock.advance(MINUTE_MS);
      expect(granted(await scene.store.openTask(newTask('run-1'), entry()))).toEqual({
        task: first,
        created: false,
      });
    });

    it('gives a closed task again as closed: an id is never opened twice', async () => {
      const scene = await begin();
      await scene.task('run-1');
      const closed = await scene.closeTask('run-1');
      expect(granted(await scene.store.openTask(newTask('run-1'), entry()))).toEqual({
        task: closed,
        created: false,
      });
    });

    const refusals: [string, Partial<NewTask> & { id: NewTask['id'] }, string][] = [
      ['another body for the same id', { id: taskId('run-1'), bodyDigest: 'other' }, 'task_conflict'],
      [
        'somebody else’s id',
        { id: taskId('run-1'), orchestrator: 'cluster/other' as PrincipalName },
        'task_conflict',
      ],
      ['a child of no task', { id: taskId('run-9.child') }, 'parent_unknown'],
      ['a child of a closed task', { id: taskId('run-closed.child') }, 'task_closed'],
      [
        'a child that is not named after its parent',
        { id: taskId('other'), parent: taskId('run-1') },
        'task_id_not_allowed',
      ],
      ['an id that was revoked before it was there', { id: taskId('run-never') }, 'task_closed'],
    ];
    it.each(refusals)('refuses %s', async (_, asked, reason) => {
      const scene = await begin();
      await scene.task('run-1');
      await scene.task('run-closed');
      await scene.closeTask('run-closed');
      await scene.revoke(select('task', 'run-never'));
      expect(reasonOf(await scene.store.openTask(newTask(asked.id, asked), entry()))).toBe(reason);
    });

    it('refuses a child that names no parent, or whose parent is past its deadline, swept or not', async () => {
      const scene = await begin();
      await scene.task('run-1', { ttlMs: MINUTE_MS });
      const { parent: _, ...orphan } = newTask('run-1.child');
      expect(reasonOf(await scene.store.openTask(orphan, entry()))).toBe('task_id_not_allowed');
      scene.clock.advance(MINUTE_MS);
      expect(reasonOf(await scene.store.openTask(newTask('run-1.child'), entry()))).toBe('task_closed');
    });

    it('holds a child’s deadline to its parent’s', async () => {
      const scene = await begin();
      const parent = await scene.task('run-1', { ttlMs: MINUTE_MS });
      expect(await scene.task('run-1.long', { ttlMs: 5 * MINUTE_MS })).toMatchObject({
        deadline: parent.deadline,
      });
      expect(await scene.task('run-1.short', { ttlMs: SECOND_MS })).toMatchObject({
        deadline: parent.openedAt + SECOND_MS,
      });
    });

    it('has one creator among many that open the same task at the same time', async () => {
      const scene = await begin();
      const opened = await Promise.all(
        Array.from({ length: 20 }, () => scene.store.openTask(newTask('run-1'), entry())),
      );
      expect(opened.filter((result) => granted(result).created)).toHaveLength(1);
    });
  });

  describe('extending a task', () => {
    it('moves the deadline to a later one within the longest life, and leases may then last until it', async () => {
      const scene = await begin();
      const task = await scene.task('run-1', { ttlMs: MINUTE_MS });
      const deadline = task.openedAt + 2 * MINUTE_MS;
      const extended = granted(
        await scene.store.extendTask(task.id, { deadline, maxTtlMs: 3 * MINUTE_MS }, entry()),
      );
      expect(extended).toEqual({ ...task, deadline });
      expect((await scene.issue('run-1', { ttlMs: 9 * MINUTE_MS })).expiresAt).toBe(deadline);
    });

    const bounds = { deadline: 2 * MINUTE_MS, maxTtlMs: 3 * MINUTE_MS };
    it.each([
      ['an unknown task', 'run-9', bounds, 'task_unknown'],
      ['a closed task', 'closed', bounds, 'task_closed'],
      ['a task past its deadline', 'over', bounds, 'task_closed'],
      ['a life that is too long', 'run-1', { ...bounds, deadline: 4 * MINUTE_MS }, 'task_ttl_exceeded'],
      [
        'a deadline that is not later',
        'run-1',
        { ...bounds, deadline: MINUTE_MS - 1000 },
        'deadline_not_later',
      ],
      ['a child’s beyond its parent’s', 'run-1.child', bounds, 'deadline_not_later'],
    ])('refuses %s', async (_, id, { deadline, maxTtlMs }, reason) => {
      const scene = await begin();
      const openedAt = scene.clock.now();
      for (const name of ['run-1', 'run-1.child', 'closed']) await scene.task(name, { ttlMs: MINUTE_MS });
      await scene.task('over', { ttlMs: SECOND_MS });
      await scene.closeTask('closed');
      scene.clock.advance(2 * SECOND_MS);
      const asked = { deadline: openedAt + deadline, maxTtlMs };
      expect(reasonOf(await scene.store.extendTask(taskId(id), asked, entry()))).toBe(reason);
    });
  });

  describe('closing a task', () => {
    it('says who closed it, how, why and when, and settles at once what has nothing external', async () => {
      const scene = await begin();
      const open = await scene.task('run-1');
      await scene.issue('run-1');
      const closing = entry('task.complete');
      const task = granted(
        await scene.store.closeTask(open.id, { outcome: 'failed', by: OPERATOR, reason: 'gave up' }, closing),
      );
      expect(task).toEqual({
        ...open,
        state: 'settled',
        settledAt: task.closed!.at,
        closed: {
          at: task.closed!.at,
          outcome: 'failed',
          by: OPERATOR,
          reason: 'gave up',
          requestId: closing.requestId,
        },
      });
      expect(task.closed!.at).toBeGreaterThanOrEqual(open.openedAt);
    });

    it('is idempotent: the first closing stands and is given again', async () => {
      const scene = await begin();
      await scene.task('run-1');
      const first = await scene.closeTask('run-1', { outcome: 'completed' });
      scene.clock.advance(MINUTE_MS);
      expect(await scene.closeTask('run-1', { outcome: 'failed', reason: 'changed my mind' })).toEqual(first);
      expect(await scene.revoke(select('task', 'run-1'))).toMatchObject({ at: first.closed!.at });
      expect(await scene.store.readTask(taskId('run-1'))).toEqual(first);
    });

    it('closes all below, as cancelled where the parent did not fail with it, and nothing beside', async () => {
      const scene = await begin();
      for (const id of [
        'run-4',
        'run-4.a',
        'run-4.a.b',
        'run-4.done',
        'run-42',
        'run-4_x',
        'run-4-x',
        'run-5',
      ])
        await scene.task(id);
      await scene.closeTask('run-4.done', { outcome: 'failed' });
      await scene.closeTask('run-4', { outcome: 'completed' });
      const outcomes = await Promise.all(
        [
          'run-4',
          'run-4.a',
          'run-4.a.b',
          'run-4.done',
          'run-42',
          'run-4_x',
          'run-4-x',
          'run-5',
          'run-4.a',
        ].map(async (id) => (await scene.store.readTask(taskId(id)))?.closed?.outcome),
      );
      expect(outcomes).toEqual([
        'completed',
        'cancelled',
        'cancelled',
        'failed',
        undefined,
        undefined,
        undefined,
        undefined,
        'cancelled',
      ]);
    });

    it('gives a child that had run out its own end, at its own deadline', async () => {
      const scene = await begin();
      await scene.task('run-1');
      const child = await scene.task('run-1.child', { ttlMs: SECOND_MS });
      scene.clock.advance(MINUTE_MS);
      await scene.closeTask('run-1');
      expect((await scene.store.readTask(child.id))?.closed).toMatchObject({
        at: child.deadline,
        outcome: 'expired',
        by: 'mayfly',
      });
    });

    it('finds a task past its deadline expired then, whatever anybody says of it later', async () => {
      const scene = await begin();
      const task = await scene.task('run-1', { ttlMs: MINUTE_MS });
      scene.clock.advance(2 * MINUTE_MS);
      expect(await scene.closeTask('run-1', { outcome: 'completed', reason: 'late' })).toMatchObject({
        closed: { at: task.deadline, outcome: 'expired', by: 'mayfly' },
      });
      expect((await scene.store.readTask(task.id))?.closed).not.toHaveProperty('reason');
    });

    it('settles a tree when its last external lease is accounted for: parents after children', async () => {
      const scene = await begin();
      for (const id of ['run-1', 'run-1.a', 'run-1.a.b', 'run-1.c']) await scene.task(id);
      await scene.external('run-1.a');
      await scene.external('run-1.a.b');
      await scene.closeTask('run-1');
      const states = async (): Promise<unknown[]> =>
        Promise.all(['run-1', 'run-1.a', 'run-1.a.b', 'run-1.c'].map((id) => scene.taskState(id)));
      expect(await states()).toEqual(['closed', 'closed', 'closed', 'settled']);

      const due = await scene.due();
      const ofTask = (id: string) => due.find(({ lease }) => lease.taskId === id)!;
      await scene.settle(ofTask('run-1.a.b'));
      expect(await states()).toEqual(['closed', 'closed', 'settled', 'settled']);
      await scene.settle(ofTask('run-1.a'));
      expect(await states()).toEqual(['settled', 'settled', 'settled', 'settled']);
    });

    it('waits for a mint under way, too', async () => {
      const scene = await begin();
      await scene.task('run-1');
      await scene.reserve('run-1');
      expect((await scene.closeTask('run-1')).state).toBe('closed');
      await scene.settleAll();
      expect(await scene.taskState('run-1')).toBe('closed');
      scene.clock.advance(MINUTE_MS);
      await scene.settleAll();
      expect(await scene.taskState('run-1')).toBe('settled');
    });

    it('refuses a task that nobody opened', async () => {
      const { store } = await begin();
      const closing = { outcome: 'completed', by: PLANNER } as const;
      expect(reasonOf(await store.closeTask(taskId('run-9'), closing, entry()))).toBe('task_unknown');
    });
  });

  describe('listing tasks', () => {
    it('gives the newest first, a page at a time, without a gap or a repetition', async () => {
      const scene = await begin();
      const ids: string[] = [];
      for (let n = 0; n < 7; n++) {
        ids.unshift((await scene.task(`run-${n}`)).id);
        if (n % 2 === 0) scene.clock.advance(1);
      }
      const listed: string[] = [];
      for (let page = await scene.store.listTasks({ limit: 3 }); page.length > 0;) {
        listed.push(...page.map(({ id }) => id));
        page = await scene.store.listTasks({ limit: 3, after: listed.at(-1)! });
      }
      expect(listed).toEqual(ids);
    });

    it('filters by orchestrator, root, state and tree', async () => {
      const scene = await begin();
      for (const id of ['run-4', 'run-4.a', 'run-42']) await scene.task(id);
      await scene.task('theirs', { orchestrator: 'cluster/other' as PrincipalName });
      await scene.closeTask('run-4.a');
      const ids = async (query: object): Promise<string[]> =>
        (await scene.store.listTasks({ limit: 9, ...query })).map(({ id }) => id).toSorted();
      expect(await ids({ tree: 'run-4' })).toEqual(['run-4', 'run-4.a']);
      expect(await ids({ orchestrator: 'cluster/other' })).toEqual(['theirs']);
      expect(await ids({ state: 'settled' })).toEqual(['run-4.a']);
      expect(await ids({ roots: ['run-4', 'the*'] })).toEqual(['run-4', 'run-4.a', 'theirs']);
      expect(await ids({ roots: ['run-?', '[rt]*'] })).toEqual([]);
      expect(await ids({ roots: [] })).toEqual([]);
      expect(await ids({ state: 'open', tree: 'run-4' })).toEqual(['run-4']);
    });
  });
}
