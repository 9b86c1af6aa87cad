// The store's contract on what time alone does, and on telling every standing the same way wherever it is asked for.
import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../../../src/domain/duration.js';
import type { LeaseId, PrincipalName, TaskId } from '../../../src/domain/ids.js';
import type { Lease, LeaseState } from '../../../src/domain/lease.js';
import { LEASE_STATES } from '../../../src/domain/lease.js';
import type { StoreTerms } from './harness.js';
import { TERMS } from './harness.js';
import type { Scene } from './scene.js';
import { AGENT, entry, MINT_DEADLINE_MS, newTask, OTHER_AGENT, PLENTY, select, taskId } from './scene.js';

export function describeSweeping(begin: (terms?: Partial<StoreTerms>) => Promise<Scene>, stories = 25): void {
  describe('sweeping', () => {
    it('closes every task past its deadline as expired, at its deadline', async () => {
      const scene = await begin();
      const parent = await scene.task('run-1', { ttlMs: MINUTE_MS });
      const child = await scene.task('run-1.a', { ttlMs: MINUTE_MS });
      const early = await scene.task('run-1.b', { ttlMs: SECOND_MS });
      await scene.task('run-2', { ttlMs: HOUR_MS });
      scene.clock.advance(2 * MINUTE_MS);
      const { expiredTasks } = await scene.store.sweep(PLENTY);
      expect(expiredTasks.toSorted()).toEqual([parent.id, child.id, early.id]);
      for (const { id, deadline } of [parent, child, early]) {
        expect(await scene.store.readTask(id)).toMatchObject({
          state: 'settled',
          closed: { at: deadline, outcome: 'expired', by: 'mayfly' },
        });
        expect(await scene.store.auditEvents({ task: id, limit: 99 })).toEqual(
          expect.arrayContaining([
            expect.objectContaining({ action: 'task.expire', outcome: 'permitted', taskId: id }),
          ]),
        );
      }
      expect(await scene.taskState('run-2')).toBe('open');
    });

    it('changes at most so many records of a kind at a time, and says when nothing is left', async () => {
      const scene = await begin();
      for (let n = 0; n < 5; n++) await scene.task(`run-${n}`, { ttlMs: MINUTE_MS });
      for (let n = 0; n < 5; n++) await scene.external('run-0', { ttlMs: SECOND_MS });
      scene.clock.advance(2 * MINUTE_MS);
      const first = await scene.store.sweep(2);
      expect(first.expiredTasks).toHaveLength(2);
      let sweeps = 1;
      for (let changed = first.changed; changed > 0; sweeps++) ({ changed } = await scene.store.sweep(2));
      expect(sweeps).toBeLessThan(8);
      expect((await scene.store.listTasks({ state: 'open', limit: 9 })).length).toBe(0);
      expect(await scene.store.claimDue(3, MINUTE_MS)).toHaveLength(3);
      expect(await scene.store.claimDue(3, MINUTE_MS)).toHaveLength(2);
    });

    it('lends what a close or a kill has ended before any sweep, and says whether there is more', async () => {
      const scene = await begin();
      await scene.task('run-1');
      await scene.task('run-1.child', { parent: taskId('run-1') });
      await scene.task('run-2');
      const ids: string[] = [];
      for (const task of ['run-1', 'run-1', 'run-1.child']) ids.push((await scene.external(task)).id);
      const released = await scene.external('run-2');
      await scene.external('run-2');
      await scene.issue('run-2');
      const all = async (of: TaskId | LeaseId, limit: number): Promise<string[]> => {
        const lent: string[] = [];
        for (let more = true; more;) {
          const some = await scene.store.claimEnded(of, limit, MINUTE_MS);
          expect(some.claimed.length).toBeLessThanOrEqual(limit);
          lent.push(...some.claimed.map(({ lease }) => lease.id));
          more = some.more;
        }
        return lent.toSorted();
      };
      expect(await all(taskId('run-1'), PLENTY)).toEqual([]);
      await scene.closeTask('run-1');
      expect(await all(taskId('run-1'), 2)).toEqual(ids.toSorted());
      expect(await all(taskId('run-1.child'), PLENTY)).toEqual([]);
      await scene.revoke(select('lease', released.id));
      expect(await all(released.id, PLENTY)).toEqual([released.id]);
      expect(await scene.due()).toEqual([]);
    });

    it('walks a kill of more than one sweep’s worth to its end', async () => {
      const scene = await begin();
      await scene.task('run-1');
      for (let n = 0; n < 7; n++) await scene.external('run-1');
      await scene.revoke(select('agent', AGENT));
      for (let changed = 1; changed > 0;) ({ changed } = await scene.store.sweep(2));
      expect(await scene.store.claimDue(PLENTY, MINUTE_MS)).toHaveLength(7);
    });

    it('tells when something falls due next: a deadline, a lapse, a mint, a retry; nothing, where nothing will', async () => {
      const scene = await begin();
      const next = async (): Promise<number | undefined> => (await scene.store.sweep(PLENTY)).nextDueAt;
      const start = scene.clock.now();
      expect(await next()).toBeUndefined();
      await scene.task('run-1', { ttlMs: HOUR_MS });
      expect(await next()).toBe(start + HOUR_MS);
      await scene.issue('run-1', { ttlMs: SECOND_MS });
      expect(await next()).toBe(start + HOUR_MS);
      const active = await scene.external('run-1', { ttlMs: 2 * MINUTE_MS });
      expect(await next()).toBe(active.expiresAt);
      const reserved = await scene.reserve('run-1');
      expect(await next()).toBe(reserved.issuedAt + MINT_DEADLINE_MS);
      const closedAt = (await scene.closeTask('run-1')).closed!.at;
      await scene.sweep();
      expect(await next()).toBeLessThanOrEqual(Math.max(closedAt, scene.clock.now()) + 1);
      await scene.store.claimDue(PLENTY, 7_000);
      expect(await next()).toBe(start + 7_000);
      scene.clock.advance(HOUR_MS);
      await scene.settleAll();
      expect(await next()).toBeUndefined();
    });

    it('has nothing to do twice: a second sweep changes nothing', async () => {
      const scene = await begin();
      await scene.task('run-1', { ttlMs: MINUTE_MS });
      await scene.external('run-1');
      await scene.revoke(select('tool', 'nothing'));
      scene.clock.advance(HOUR_MS);
      await scene.sweep();
      expect(await scene.store.sweep(PLENTY)).toMatchObject({ expiredTasks: [], changed: 0 });
    });
  });

  describe('retention', () => {
    it('tells how a lease ended for as long as it is on record, though the same is killed again long after', async () => {
      const scene = await begin();
      await scene.task('run-1', { ttlMs: HOUR_MS });
      const lease = await scene.issue('run-1');
      const { at } = await scene.revoke(select('agent', lease.agent));
      // Nobody has swept meanwhile.
      scene.clock.advance(100 * DAY_MS);
      await scene.revoke(select('agent', lease.agent));
      expect(await scene.store.readLease(lease.id)).toMatchObject({
        state: 'revoked',
        ended: { cause: 'agent', at },
      });
    });

    it('lets leases go when they are past it, and keeps counting them', async () => {
      const scene = await begin();
      await scene.task('run-1', { ttlMs: HOUR_MS });
      const expired = await scene.issue('run-1');
      const revoked = await scene.issue('run-1');
      const external = await scene.external('run-1');
      await scene.revoke(select('lease', revoked.id));
      await scene.revoke(select('lease', external.id));
      scene.clock.advance(5 * MINUTE_MS);
      await scene.settleAll();
      const counts = await scene.store.countLeases(taskId('run-1'));
      expect(counts).toEqual({ reserved: 0, active: 0, revoking: 0, revoked: 2, expired: 1, irrevocable: 0 });
      scene.clock.advance(MINUTE_MS);
      const later = await scene.issue('run-1');
      scene.clock.advance(TERMS.retention.leaseMs);
      await scene.sweep();
      for (const { id } of [expired, revoked, external]) expect(await scene.standing(id)).toBeUndefined();
      expect(await scene.standing(later.id)).toBe('expired');
      scene.clock.advance(5 * MINUTE_MS);
      await scene.sweep();
      expect(await scene.standing(later.id)).toBeUndefined();
      expect(await scene.store.countLeases(taskId('run-1'))).toEqual({ ...counts, expired: 2 });
    });

    it('never lets a lease go whose credential may still be at its target', async () => {
      const scene = await begin();
      await scene.task('run-1');
      const [unsettled, lost] = [await scene.external('run-1'), await scene.external('run-1')];
      await scene.closeTask('run-1');
      for (const claimed of await scene.due(DAY_MS)) {
        if (claimed.lease.id === lost.id) await scene.settle(claimed, { kind: 'irrevocable', error: 'gone' });
      }
      scene.clock.advance(100 * DAY_MS);
      await scene.sweep();
      expect(await scene.standing(unsettled.id)).toBe('revoking');
      expect(await scene.standing(lost.id)).toBe('irrevocable');
      expect(await scene.taskState('run-1')).toBe('closed');
    });

    it('reserves a closed task’s id until it is over, and for as long as it is open', async () => {
      const scene = await begin();
      for (const id of ['run-1', 'run-2']) await scene.task(id, { ttlMs: 60 * DAY_MS });
      const { deadline } = await scene.closeTask('run-1');
      scene.clock.advance(TERMS.retention.taskMs);
      await scene.sweep();
      expect(await scene.taskState('run-1')).toBe('settled'); // its selector is still in force
      scene.clock.advance(deadline + TERMS.clockSkewMs - scene.clock.now());
      await scene.sweep();
      expect(await scene.store.readTask(taskId('run-1'))).toBeUndefined();
      expect(await scene.taskState('run-2')).toBe('settled');
      expect(await scene.store.openTask(newTask('run-1'), entry())).toMatchObject({ created: true });
    });

    it('lets audit events go when they are past it, oldest first, and never gives a number twice', async () => {
      const scene = await begin({ retention: { ...TERMS.retention, auditMs: HOUR_MS } });
      await scene.store.record(entry('tool.list'), { outcome: 'permitted' });
      scene.clock.advance(HOUR_MS - 1);
      await scene.store.record(entry('task.list'), { outcome: 'permitted' });
      await scene.sweep();
      const [second, first, ...none] = await scene.store.auditEvents({ limit: 9 });
      expect(none).toEqual([]);
      expect(second!.sequence).toBeGreaterThan(first!.sequence);
      scene.clock.advance(1);
      await scene.sweep();
      expect(await scene.store.auditEvents({ limit: 9 })).toEqual([second]);
      scene.clock.advance(DAY_MS);
      await scene.sweep();
      await scene.store.record(entry('audit.read'), { outcome: 'permitted' });
      const [newest] = await scene.store.auditEvents({ limit: 1 });
      expect(newest!.action).toBe('audit.read');
      expect(newest!.sequence).toBeGreaterThan(second!.sequence);
    });
  });

  /* One rule of how a lease stands, told in many places: by name, in lists, by state, in counts, in previews. */
  describe('every standing is told the same wherever it is asked for', () => {
    const agents = [AGENT, OTHER_AGENT, 'cluster/agent-3' as PrincipalName];
    const tasks = ['run-1', 'run-1.a', 'run-2'];
    const step = fc.oneof(
      fc.record({
        do: fc.constantFrom('issue', 'reserve', 'external'),
        task: fc.constantFrom(...tasks),
        agent: fc.constantFrom(...agents),
        actors: fc.uniqueArray(fc.constantFrom(...agents), { maxLength: 2 }),
        tool: fc.constantFrom('crm', 'mail'),
        ttlMs: fc.constantFrom(SECOND_MS, 2 * SECOND_MS, MINUTE_MS),
      }),
      fc.record({ do: fc.constant('advance'), ms: fc.constantFrom(0, 1, 999, 1_000, 30_000) }),
      fc.record({
        do: fc.constant('revoke'),
        selector: fc.oneof(
          fc.constantFrom(...agents).map((name) => select('agent', name)),
          fc.constantFrom('crm', 'mail').map((name) => select('tool', name)),
          fc.constantFrom(
            select('all'),
            select('key', 'key-1'),
            select('trust', 'cluster'),
            select('task', 'run-1.a'),
          ),
        ),
      }),
      fc.record({ do: fc.constantFrom('settle', 'sweep', 'purge', 'close') }),
    );
    type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

    async function take(scene: Scene, taken: Step): Promise<void> {
      if ('task' in taken) {
        const { task, do: kind, ...request } = taken;
        await scene[kind](task, {
          ...request,
          keyId: `key-${request.ttlMs}`,
        }).catch(() => undefined);
      } else if ('ms' in taken) scene.clock.advance(taken.ms);
      else if ('selector' in taken) await scene.revoke(taken.selector);
      else if (taken.do === 'close') await scene.closeTask('run-2');
      else if (taken.do === 'settle') await scene.settleAll();
      else {
        if (taken.do === 'purge') scene.clock.advance(HOUR_MS);
        await scene.sweep();
      }
    }

    async function countedByTask(scene: Scene): Promise<Record<LeaseState, number>> {
      const sum = Object.fromEntries(LEASE_STATES.map((state) => [state, 0])) as Record<LeaseState, number>;
      for (const task of tasks) {
        const counts = await scene.store.countLeases(taskId(task));
        for (const state of LEASE_STATES) sum[state] += counts[state];
      }
      return sum;
    }

    it('holds after any story, and no count changes when records are purged', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30, size: 'max' }), async (steps) => {
          const scene = await begin({ retention: { ...TERMS.retention, leaseMs: HOUR_MS } });
          for (const id of tasks) await scene.task(id, { ttlMs: 2 * MINUTE_MS });
          for (const taken of steps) await take(scene, taken);

          const listed: Lease[] = await scene.store.listLeases({ limit: PLENTY });
          for (const lease of listed) expect(await scene.store.readLease(lease.id)).toEqual(lease);
          for (const state of LEASE_STATES) {
            expect(await scene.store.listLeases({ state, limit: PLENTY })).toEqual(
              listed.filter((lease) => lease.state === state),
            );
          }
          const counted = await countedByTask(scene);
          const purged = LEASE_STATES.filter(
            (state) => counted[state] !== listed.filter((lease) => lease.state === state).length,
          );
          expect(purged.filter((state) => state !== 'revoked' && state !== 'expired')).toEqual([]);
          const alive = listed.filter(({ state }) => state === 'active' || state === 'reserved');
          const external = alive.filter(({ kind }) => kind !== 'jwt').length;
          expect(await scene.store.countSelected(select('all'))).toEqual({
            tokens: alive.length - external,
            external,
          });
          for (const agent of agents) {
            const { tokens, external: targets } = await scene.store.countSelected(select('agent', agent));
            const named = alive.filter((lease) => lease.agent === agent || lease.actors.includes(agent));
            expect(tokens + targets).toBe(named.length);
          }

          await scene.sweep();
          scene.clock.advance(3 * HOUR_MS);
          await scene.settleAll();
          const settled = await countedByTask(scene);
          scene.clock.advance(3 * HOUR_MS);
          await scene.sweep();
          expect(await countedByTask(scene)).toEqual(settled);
          expect(await scene.store.listLeases({ limit: 1 })).toEqual([]);
        }),
        { numRuns: stories },
      );
    });
  });
}
