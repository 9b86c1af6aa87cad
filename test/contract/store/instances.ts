// The store's contract on leases that are bound: to a key, and to the first instance of an agent in a tree.
import { describe, expect, it } from '@jest/globals';
import { DAY_MS, MINUTE_MS } from '../../../src/domain/duration.js';
import type { PrincipalName } from '../../../src/domain/ids.js';
import type { LeaseRequest } from '../../../src/store/store.js';
import type { Scene } from './scene.js';
import { AGENT, entry, externalRequest, granted, OTHER_AGENT, reasonOf, tokenRequest } from './scene.js';

const first = (instance: string, more: Partial<LeaseRequest> = {}): Partial<LeaseRequest> => ({
  instance,
  bindsInstance: 'of_agent',
  ...more,
});

const ask = async (scene: Scene, task: string, request: Partial<LeaseRequest>): Promise<string> =>
  reasonOf(await scene.store.issueLease(tokenRequest(task, request), entry()));

export function describeInstances(begin: () => Promise<Scene>): void {
  describe('a lease that is bound', () => {
    const bindings: [string, Partial<LeaseRequest>][] = [
      ['a key', { jkt: 'thumbprint' }],
      ['an instance', { instance: 'pod:1' }],
      ['both', { jkt: 'thumbprint', instance: 'key:thumbprint' }],
    ];
    it.each(bindings)('to %s says so for as long as it is on record, renewed or not', async (_, bound) => {
      const scene = await begin();
      await scene.task('run-1');
      const { details: _details, ...plain } = tokenRequest('run-1', bound);
      for (const request of [tokenRequest('run-1', bound), plain]) {
        const issued = granted(await scene.store.issueLease(request, entry()));
        expect(issued).toMatchObject(bound);
        const renewal = { agent: AGENT, ttlMs: 6 * MINUTE_MS, policyDigest: 'of-now' };
        const renewed = granted(await scene.store.renewLease(issued.id, renewal, entry()));
        expect(renewed).toEqual({ ...issued, expiresAt: renewed.expiresAt, policyDigest: 'of-now' });
        await scene.crash();
        expect(await scene.store.readLease(issued.id)).toEqual(renewed);
      }
      expect(await scene.external('run-1', bound)).toMatchObject(bound);
      for (const lease of await scene.store.listLeases({ limit: 9 })) expect(lease).toMatchObject(bound);
    });

    it('to nothing says nothing', async () => {
      const scene = await begin();
      await scene.task('run-1');
      const lease = await scene.store.readLease((await scene.issue('run-1')).id);
      expect(lease).not.toHaveProperty('jkt');
      expect(lease).not.toHaveProperty('instance');
    });
  });

  describe('where the first instance is the only one', () => {
    it('refuses any other in the whole tree, also after a crash, and goes on serving the first', async () => {
      const scene = await begin();
      await scene.task('run-1');
      await scene.task('run-1.child');
      await scene.issue('run-1.child', first('pod:1'));
      await scene.crash();
      expect(await ask(scene, 'run-1', first('pod:2'))).toBe('instance_mismatch');
      expect(await ask(scene, 'run-1.child', first('pod:2'))).toBe('instance_mismatch');
      expect(await ask(scene, 'run-1', first('pod:1'))).toBe('not refused');
    });

    it('refuses it a reservation as well: no secret comes to be that has to be killed', async () => {
      const scene = await begin();
      await scene.task('run-1');
      await scene.reserve('run-1', first('pod:1'));
      const other = externalRequest('run-1', first('pod:2'));
      expect(reasonOf(await scene.store.reserveLease({ ...other }, entry()))).toBe('instance_mismatch');
      expect(await ask(scene, 'run-1', first('pod:2'))).toBe('instance_mismatch');
    });

    it('asks each agent, each kind of instance and each tree for its own', async () => {
      const scene = await begin();
      for (const id of ['run-1', 'run-10']) await scene.task(id);
      await scene.issue('run-1', first('pod:1'));
      expect(await ask(scene, 'run-1', first('pod:2', { agent: OTHER_AGENT }))).toBe('not refused');
      expect(await ask(scene, 'run-1', first('run:77'))).toBe('not refused');
      expect(await ask(scene, 'run-10', first('pod:2'))).toBe('not refused');
      expect(await ask(scene, 'run-1', first('pod:2'))).toBe('instance_mismatch');
      expect(await ask(scene, 'run-1', { instance: 'pod:2' })).toBe('not refused');
    });

    it('asks all agents of a tree for the same one where that is said', async () => {
      const scene = await begin();
      for (const id of ['run-1', 'run-10']) await scene.task(id);
      const whole = { bindsInstance: 'of_tree' } as const;
      const other = { agent: OTHER_AGENT };
      await scene.issue('run-1', first('run:7', whole));
      await scene.crash();
      expect(await ask(scene, 'run-1', first('run:8', { ...whole, ...other }))).toBe('instance_mismatch');
      expect(await ask(scene, 'run-1', first('run:7', { ...whole, ...other }))).toBe('not refused');
      expect(await ask(scene, 'run-1', first('run:8', other))).toBe('not refused');
      expect(await ask(scene, 'run-10', first('run:8', { ...whole, ...other }))).toBe('not refused');
    });

    it('lets in one of many that come at the same moment', async () => {
      const scene = await begin();
      await scene.task('run-1');
      const pods = Array.from({ length: 40 }, (_, n) => `pod:${n}`);
      const answers = await Promise.all(pods.map((pod) => ask(scene, 'run-1', first(pod))));
      expect(answers.filter((reason) => reason === 'not refused')).toHaveLength(1);
      const [lease, ...more] = await scene.store.listLeases({ limit: 99 });
      expect(more).toEqual([]);
      expect(await ask(scene, 'run-1', first(lease!.instance!))).toBe('not refused');
    });

    it('is not bound by a request that was refused', async () => {
      const scene = await begin();
      await scene.task('run-1', { ttlMs: 999 });
      await scene.task('run-2');
      await scene.revoke({ kind: 'agent', name: 'cluster/bad' }, { quarantine: true });
      const bad = { agent: 'cluster/bad' as PrincipalName };
      expect(await ask(scene, 'run-1', first('pod:1'))).toBe('task_ending');
      expect(await ask(scene, 'run-2', first('pod:1', bad))).toBe('agent_quarantined');
      await scene.store.liftQuarantine('cluster/bad', entry());
      expect(await ask(scene, 'run-2', first('pod:2', bad))).toBe('not refused');
    });

    it('is forgotten with the task: an id that may be used again binds anew', async () => {
      const scene = await begin();
      await scene.task('run-1');
      await scene.issue('run-1', first('pod:1'));
      await scene.closeTask('run-1');
      await scene.sweep();
      scene.clock.advance(40 * DAY_MS);
      for (let turn = 0; turn < 3; turn++) {
        await scene.sweep();
        scene.clock.advance(DAY_MS);
      }
      expect(await scene.taskState('run-1')).toBeUndefined();
      await scene.task('run-1');
      expect(await ask(scene, 'run-1', first('pod:2'))).toBe('not refused');
      expect(await ask(scene, 'run-1', first('pod:1'))).toBe('instance_mismatch');
    });
  });
}
