// The store's contract on trees that are due for review, and on when all that is kept of a tree's context goes.
import { describe, expect, it } from '@jest/globals';
import { DAY_MS, MINUTE_MS, SECOND_MS } from '../../../src/domain/duration.js';
import type { Holding } from '../../../src/domain/tree-context.js';
import { NO_CONTEXT } from '../../../src/domain/tree-context.js';
import type { LeaseRequest } from '../../../src/store/store.js';
import type { Scene } from './scene.js';
import { entry, granted, OPERATOR, select, taskId, tokenRequest } from './scene.js';

const ROOT = taskId('run-1');

const on = (version: number, holding: Holding): Partial<LeaseRequest> => ({
  basis: { principal: 'digest' },
  decidedOn: { version, holding, principal: '{}' },
});
const signal = async (scene: Scene, task: string, type = 'untrusted_content') =>
  granted(await scene.store.signalTask(taskId(task), type, 8, entry('task.signal')));
const due = async (scene: Scene, forMs = 0): Promise<[root: string, version: number][]> =>
  (await scene.store.dueReviews(99, forMs)).map(({ root, version }) => [root, version]);

export function describeReviews(begin: () => Promise<Scene>): void {
  describe('a tree', () => {
    it('is due for review from the signal that changed it, and for no other', async () => {
      const scene = await begin();
      for (const id of ['run-1', 'run-1.child', 'run-2']) await scene.task(id);
      expect(await due(scene)).toEqual([]);
      await signal(scene, 'run-1.child');
      expect(await due(scene)).toEqual([['run-1', 1]]);
      await scene.crash();
      expect(await due(scene)).toEqual([['run-1', 1]]);
      await scene.store.concludeReview(ROOT, 1);
      await signal(scene, 'run-1');
      expect(await due(scene)).toEqual([]);
    });

    it('is due for review from the issuance by which it holds something beside what it held', async () => {
      const scene = await begin();
      await scene.task('run-1');
      await scene.issue('run-1', on(0, 'data:confidential:crm'));
      await scene.issue('run-1', on(1, 'data:confidential:crm'));
      const refused = tokenRequest('run-1', on(7, 'tool:internal:mail'));
      await scene.store.issueLease(refused, entry());
      expect(await due(scene)).toEqual([]);
      await scene.reserve('run-1', on(1, 'tool:internal:mail'));
      expect(await due(scene)).toEqual([['run-1', 2]]);
      await scene.crash();
      expect(await due(scene)).toEqual([['run-1', 2]]);
    });

    it('is due until it was reviewed on the version that it has', async () => {
      const scene = await begin();
      await scene.task('run-1');
      await signal(scene, 'run-1', 'a');
      const [[, version]] = (await due(scene)) as [[string, number]];
      await signal(scene, 'run-1', 'b');
      await scene.store.concludeReview(ROOT, version);
      expect(await due(scene)).toEqual([['run-1', 2]]);
      await scene.store.concludeReview(ROOT, 2);
      await scene.store.concludeReview(taskId('none'), 0);
      expect(await due(scene)).toEqual([]);
      await scene.crash();
      expect(await due(scene)).toEqual([]);
    });

    it('comes before others that are due for less long, and is due since the first change', async () => {
      const scene = await begin();
      for (const id of ['run-1', 'run-2', 'run-3']) {
        await scene.task(id);
        await signal(scene, id);
        scene.clock.advance(SECOND_MS);
      }
      await signal(scene, 'run-1', 'another');
      expect(await due(scene)).toEqual([['run-1', 2], ['run-2', 1], ['run-3', 1]]); // prettier-ignore
      expect(await due(scene, 2 * SECOND_MS)).toEqual([['run-1', 2], ['run-2', 1]]); // prettier-ignore
      expect(await scene.store.dueReviews(1, 0)).toEqual([{ root: 'run-1', version: 2 }]);
    });

    it('has all its live leases told of, reserved and active, of every task in it, and no other', async () => {
      const scene = await begin();
      for (const id of ['run-1', 'run-1.child', 'run-10']) await scene.task(id);
      const alive = new Set<string>();
      for (let nth = 0; nth < 130; nth++) alive.add((await scene.issue('run-1')).id);
      alive.add((await scene.issue('run-1.child')).id);
      alive.add((await scene.reserve('run-1')).id);
      alive.add((await scene.external('run-1.child')).id);
      await scene.issue('run-10');
      const ended = await scene.issue('run-1');
      await scene.revoke(select('lease', ended.id));
      const told: string[] = [];
      for await (const leases of scene.store.liveLeases(ROOT)) told.push(...leases.map(({ id }) => id));
      expect(told.toSorted()).toEqual([...alive].toSorted());
    });

    const ends: [string, (scene: Scene) => Promise<unknown>][] = [
      ['closed', (scene) => scene.closeTask('run-1')],
      ['killed', (scene) => scene.revoke(select('task', 'run-1'), { by: OPERATOR })],
      [
        'past its deadline',
        async (scene) => {
          scene.clock.advance(11 * MINUTE_MS);
          await scene.sweep();
        },
      ],
    ];
    it.each(ends)('is due no longer when its root is %s', async (_, end) => {
      const scene = await begin();
      for (const id of ['run-1', 'run-1.child']) await scene.task(id);
      await scene.issue('run-1', on(0, 'data:confidential:crm'));
      await signal(scene, 'run-1');
      await scene.closeTask('run-1.child');
      expect(await due(scene)).toEqual([['run-1', 2]]);
      await end(scene);
      expect(await due(scene)).toEqual([]);
      expect(await scene.store.principalFacts(ROOT, 'digest')).toBeUndefined();
      expect(await scene.store.readContext(ROOT)).toMatchObject({ version: 2 });
    });

    it('begins anew where its id may be used again: nothing is left of the one before', async () => {
      const scene = await begin();
      await scene.task('run-1');
      await scene.issue('run-1', on(0, 'data:confidential:crm'));
      await signal(scene, 'run-1');
      await scene.closeTask('run-1');
      scene.clock.advance(40 * DAY_MS);
      for (let turn = 0; turn < 3; turn++) {
        await scene.sweep();
        scene.clock.advance(DAY_MS);
      }
      expect(await scene.taskState('run-1')).toBeUndefined();
      expect(await scene.store.readContext(ROOT)).toEqual(NO_CONTEXT);
      await scene.task('run-1');
      await scene.issue('run-1', on(0, 'tool:internal:mail'));
      expect(await scene.store.readContext(ROOT)).toEqual({
        ...NO_CONTEXT,
        version: 1,
        held: ['tool:internal:mail'],
      });
      expect(await due(scene)).toEqual([]);
    });
  });
}
