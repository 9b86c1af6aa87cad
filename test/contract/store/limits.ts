// The store's contract on limits: how many tasks may be open in a tree, and counting what is alive and open.
import { describe, expect, it } from '@jest/globals';
import { MINUTE_MS, SECOND_MS } from '../../../src/domain/duration.js';
import type { PrincipalName } from '../../../src/domain/ids.js';
import { Refusal } from '../../../src/domain/refusal.js';
import type { Tally } from '../../../src/store/store.js';
import type { Scene } from './scene.js';
import { AGENT, entry, newTask, OTHER_AGENT, PLANNER, reasonOf, select, taskId } from './scene.js';

const OTHER_PLANNER = 'cluster/other' as PrincipalName;
const PLENTY_MS = 60_000;

const ofTask = (scene: Scene, id: string, most = 100): Promise<Tally> =>
  scene.store.countLive({ task: taskId(id) }, most, PLENTY_MS);
const ofAgent = (scene: Scene, agent: PrincipalName = AGENT, most = 100): Promise<Tally> =>
  scene.store.countLive({ agent }, most, PLENTY_MS);

export function describeLimits(begin: () => Promise<Scene>): void {
  describe('how many tasks may be open in a tree', () => {
    const LIMIT = { mostOpenInTree: 3 };
    const open = async (scene: Scene, id: string): Promise<string> =>
      reasonOf(await scene.store.openTask(newTask(id, LIMIT), entry()));

    it('counts the root and all below it, whatever their depth, and nothing of its neighbours', async () => {
      const scene = await begin();
      // Names around it in the order of letters: `-` comes before the dot, digits and letters after it.
      for (const id of ['run-4', 'run-4-x', 'run-4_x', 'run-42', 'run-42.a', 'run-42.b'])
        await scene.task(id);
      expect(await open(scene, 'run-4.a')).toBe('not refused');
      expect(await open(scene, 'run-4.a.b')).toBe('not refused');
      expect(await open(scene, 'run-4.c')).toBe('too_many_children');
      expect(await open(scene, 'run-4.a.b.c')).toBe('too_many_children');
      expect(await open(scene, 'run-42.c')).toBe('too_many_children');
      expect(await open(scene, 'run-43')).toBe('not refused');
      expect(await scene.store.readTask(taskId('run-4.c'))).toBeUndefined();
    });

    it('has room again when one was closed, and when one has run out and was swept', async () => {
      const scene = await begin();
      await scene.task('run-4');
      await scene.task('run-4.a');
      await scene.task('run-4.brief', { ttlMs: SECOND_MS });
      expect(await open(scene, 'run-4.c')).toBe('too_many_children');
      await scene.closeTask('run-4.a');
      expect(await open(scene, 'run-4.c')).toBe('not refused');
      expect(await open(scene, 'run-4.d')).toBe('too_many_children');
      scene.clock.advance(2 * SECOND_MS);
      await scene.sweep();
      expect(await open(scene, 'run-4.d')).toBe('not refused');
    });

    it('gives a task that exists again, however full its tree is', async () => {
      const scene = await begin();
      for (const id of ['run-4', 'run-4.a', 'run-4.b']) await scene.task(id);
      expect(await open(scene, 'run-4.b')).toBe('not refused');
    });

    it('lets exactly as many in as there is room for, of many who come at the same time', async () => {
      const scene = await begin();
      await scene.task('run-4');
      const opened = await Promise.all(
        Array.from({ length: 20 }, (_, n) =>
          scene.store.openTask(newTask(`run-4.child-${n}`, { mostOpenInTree: 10 }), entry()),
        ),
      );
      expect(opened.filter((result) => !(result instanceof Refusal))).toHaveLength(9);
      expect(await scene.store.countOpenTasks(PLANNER, 100)).toEqual({ count: 10 });
    });
  });

  describe('counting open tasks', () => {
    it('counts those of one orchestrator that are open and before their deadline, swept or not', async () => {
      const scene = await begin();
      for (const id of ['run-1', 'run-1.a', 'run-2', 'run-3']) await scene.task(id);
      await scene.task('brief', { ttlMs: SECOND_MS });
      await scene.task('theirs', { orchestrator: OTHER_PLANNER });
      await scene.closeTask('run-3');
      expect(await scene.store.countOpenTasks(PLANNER, 100)).toEqual({ count: 4 });
      scene.clock.advance(2 * SECOND_MS);
      expect(await scene.store.countOpenTasks(PLANNER, 100)).toEqual({ count: 3 });
      expect(await scene.store.countOpenTasks(OTHER_PLANNER, 100)).toEqual({ count: 1 });
      expect(await scene.store.countOpenTasks('cluster/nobody' as PrincipalName, 100)).toEqual({ count: 0 });
    });

    it('says so where it stopped at as many as were asked for', async () => {
      const scene = await begin();
      for (let n = 0; n < 5; n++) await scene.task(`run-${n}`);
      const { count, atLeast } = await scene.store.countOpenTasks(PLANNER, 3);
      expect(count).toBeGreaterThanOrEqual(3);
      expect(atLeast).toBe(true);
    });
  });

  describe('counting live leases', () => {
    it('counts those of the task itself, and those of the agent in all tasks', async () => {
      const scene = await begin();
      for (const id of ['run-1', 'run-1.a', 'run-2']) await scene.task(id);
      await scene.issue('run-1');
      await scene.issue('run-1', { agent: OTHER_AGENT });
      await scene.reserve('run-1');
      await scene.issue('run-1.a');
      await scene.issue('run-2');
      expect(await ofTask(scene, 'run-1')).toEqual({ count: 3 });
      expect(await ofTask(scene, 'run-1.a')).toEqual({ count: 1 });
      expect(await ofTask(scene, 'run-9')).toEqual({ count: 0 });
      expect(await ofAgent(scene)).toEqual({ count: 4 });
      expect(await ofAgent(scene, OTHER_AGENT)).toEqual({ count: 1 });
    });

    it('counts no lease of an agent that only acts in it', async () => {
      const scene = await begin();
      await scene.task('run-1');
      await scene.issue('run-1', { agent: OTHER_AGENT, actors: [AGENT] });
      expect(await ofAgent(scene)).toEqual({ count: 0 });
    });

    it('counts nothing that has ended: by release, kill, completion or time', async () => {
      const scene = await begin();
      for (const id of ['run-1', 'run-2', 'run-3']) await scene.task(id, { ttlMs: 60 * MINUTE_MS });
      const released = await scene.issue('run-1');
      await scene.issue('run-1', { ttlMs: SECOND_MS });
      await scene.issue('run-1', { tool: 'search' });
      await scene.external('run-1');
      await scene.issue('run-2');
      await scene.issue('run-3', { agent: OTHER_AGENT });
      expect(await ofAgent(scene)).toEqual({ count: 5 });
      await scene.revoke(select('lease', released.id));
      expect(await ofTask(scene, 'run-1')).toEqual({ count: 3 });
      scene.clock.advance(2 * SECOND_MS);
      expect(await ofTask(scene, 'run-1')).toEqual({ count: 2 });
      await scene.revoke(select('tool', 'search'));
      expect(await ofTask(scene, 'run-1')).toEqual({ count: 1 });
      await scene.closeTask('run-2');
      expect(await ofAgent(scene)).toEqual({ count: 1 });
      await scene.revoke(select('agent', AGENT));
      expect(await ofAgent(scene)).toEqual({ count: 0 });
      expect(await ofAgent(scene, OTHER_AGENT)).toEqual({ count: 1 });
    });

    it('says so where it stopped at as many as were asked for', async () => {
      const scene = await begin();
      await scene.task('run-1');
      for (let n = 0; n < 5; n++) await scene.issue('run-1');
      for (const tally of [await ofTask(scene, 'run-1', 3), await ofAgent(scene, AGENT, 3)]) {
        expect(tally.count).toBeGreaterThanOrEqual(3);
        expect(tally.atLeast).toBe(true);
      }
    });
  });
}
