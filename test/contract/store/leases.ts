// The store's contract on leases of credentials that need no target: issue, renew, read.
import { describe, expect, it } from '@jest/globals';
import { MINUTE_MS, SECOND_MS } from '../../../src/domain/duration.js';
import type { LeaseId, PrincipalName } from '../../../src/domain/ids.js';
import { isLeaseId, leaseSlot, leaseTime, slotOf } from '../../../src/domain/ids.js';
import type { Renewal } from '../../../src/store/store.js';
import type { Scene } from './scene.js';
import { AGENT, entry, granted, OTHER_AGENT, reasonOf, select, taskId, tokenRequest } from './scene.js';

export function describeLeases(begin: () => Promise<Scene>): void {
  describe('issuing a lease', () => {
    it('keeps every term, and the request that it was issued by', async () => {
      const scene = await begin();
      await scene.task('run-1');
      const asked = tokenRequest('run-1', { actors: [OTHER_AGENT] });
      const exchange = entry('token.exchange');
      const lease = granted(await scene.store.issueLease(asked, exchange));
      const { ttlMs: _, ...terms } = asked;
      expect(lease).toEqual({
        ...terms,
        id: lease.id,
        state: 'active',
        requestId: exchange.requestId,
        issuedAt: lease.issuedAt,
        expiresAt: lease.expiresAt,
      });
      expect(await scene.store.readLease(lease.id)).toEqual(lease);
    });

    it('names it after the store’s time and the slot of its tree', async () => {
      const scene = await begin();
      await scene.task('run-1');
      await scene.task('run-1.child');
      scene.clock.advance(1234);
      const lease = await scene.issue('run-1.child');
      expect(isLeaseId(lease.id)).toBe(true);
      expect(lease.issuedAt).toBe(scene.clock.now());
      expect(leaseTime(lease.id)).toBe(lease.issuedAt);
      expect(leaseSlot(lease.id)).toBe(slotOf(taskId('run-1')));
    });

    // Milliseconds past a whole second at which it is issued, what is asked for, what the task has left → what is got.
    it.each([
      [0, 5 * MINUTE_MS, 10 * MINUTE_MS, 5 * MINUTE_MS],
      [1, 5 * MINUTE_MS, 10 * MINUTE_MS, 5 * MINUTE_MS - 1],
      [999, 5 * MINUTE_MS, 10 * MINUTE_MS, 5 * MINUTE_MS - 999],
      [0, 5 * MINUTE_MS, 90_500, 90_000],
      [400, 5 * MINUTE_MS, 1_600, 1_600],
      [400, 1_700, 10 * MINUTE_MS, 1_600],
      [0, SECOND_MS, 10 * MINUTE_MS, SECOND_MS],
      [900, 5 * MINUTE_MS, 100, 100],
    ])(
      'at +%i ms, %i ms asked and %i ms left make exp a whole second, %i ms ahead',
      async (offset, ttlMs, leftMs, gotMs) => {
        const scene = await begin();
        scene.clock.advance(offset);
        const task = await scene.task('run-1', { ttlMs: leftMs });
        const lease = await scene.issue('run-1', { ttlMs });
        expect(lease.expiresAt % SECOND_MS).toBe(0);
        expect(lease.expiresAt - lease.issuedAt).toBe(gotMs);
        expect(lease.expiresAt).toBeLessThanOrEqual(task.deadline);
      },
    );

    it.each([
      ['no task', 'run-9', {}, 'task_unknown'],
      ['a closed task', 'closed', {}, 'task_closed'],
      ['a task whose parent was closed', 'closed.child', {}, 'task_closed'],
      ['a task past its deadline, swept or not', 'over', {}, 'task_closed'],
      ['a task with less than a second left', 'ending', {}, 'task_ending'],
      ['an agent in quarantine', 'run-1', { agent: 'cluster/bad' as PrincipalName }, 'agent_quarantined'],
      [
        'an actor in quarantine',
        'run-1',
        { actors: [OTHER_AGENT, 'cluster/bad' as PrincipalName] },
        'agent_quarantined',
      ],
      ['a revoked signing key', 'run-1', { keyId: 'key-bad' }, 'key_revoked'],
    ])('refuses %s', async (_, task, overrides, reason) => {
      const scene = await begin();
      for (const id of ['run-1', 'closed', 'closed.child']) await scene.task(id);
      await scene.closeTask('closed');
      await scene.revoke(select('agent', 'cluster/bad'), { quarantine: true });
      await scene.revoke(select('key', 'key-bad'));
      await scene.task('over', { ttlMs: SECOND_MS });
      scene.clock.advance(2 * SECOND_MS);
      await scene.task('ending', { ttlMs: 999 });
      const refused = await scene.store.issueLease(tokenRequest(task, overrides), entry());
      expect(reasonOf(refused)).toBe(reason);
      expect(await scene.store.listLeases({ limit: 9 })).toEqual([]);
    });

    it('gives every lease a name of its own, however many come at once', async () => {
      const scene = await begin();
      await scene.task('run-1');
      const leases = await Promise.all(Array.from({ length: 300 }, () => scene.issue('run-1')));
      expect(new Set(leases.map(({ id }) => id)).size).toBe(300);
    });
  });

  describe('renewing a lease', () => {
    const renewal: Renewal = { agent: AGENT, ttlMs: 5 * MINUTE_MS, policyDigest: 'digest-of-newer-policies' };

    it('keeps the id and moves exp ahead, under the policies of now', async () => {
      const scene = await begin();
      await scene.task('run-1');
      const lease = await scene.issue('run-1');
      scene.clock.advance(MINUTE_MS);
      const renewed = granted(
        await scene.store.renewLease(lease.id, { ...renewal, keyId: 'key-2' }, entry()),
      );
      expect(renewed).toEqual({
        ...lease,
        expiresAt: lease.expiresAt + MINUTE_MS,
        policyDigest: renewal.policyDigest,
        keyId: 'key-2',
      });
      expect(await scene.store.readLease(lease.id)).toEqual(renewed);
    });

    it('never takes time away, and never goes past the deadline', async () => {
      const scene = await begin();
      const task = await scene.task('run-1', { ttlMs: 8 * MINUTE_MS });
      const lease = await scene.issue('run-1');
      scene.clock.advance(MINUTE_MS);
      const shorter = granted(
        await scene.store.renewLease(lease.id, { ...renewal, ttlMs: SECOND_MS }, entry()),
      );
      expect(shorter.expiresAt).toBe(lease.expiresAt);
      const longer = granted(
        await scene.store.renewLease(lease.id, { ...renewal, ttlMs: 60 * MINUTE_MS }, entry()),
      );
      expect(longer.expiresAt).toBe(task.deadline);
    });

    type Ending = (scene: Scene, id: LeaseId) => unknown;
    it.each<[string, Ending, string]>([
      ['its task was closed', (scene) => scene.closeTask('run-1'), 'lease_ended'],
      ['it was released', (scene, id) => scene.revoke(select('lease', id)), 'lease_ended'],
      ['its agent was killed', (scene) => scene.revoke(select('agent', AGENT)), 'lease_ended'],
      ['its key was revoked', (scene) => scene.revoke(select('key', 'key-1')), 'lease_ended'],
      ['it had run out', (scene) => scene.clock.advance(5 * MINUTE_MS), 'lease_ended'],
    ])('is refused after %s', async (_, end, reason) => {
      const scene = await begin();
      await scene.task('run-1', { ttlMs: 60 * MINUTE_MS });
      const lease = await scene.issue('run-1');
      await end(scene, lease.id);
      expect(reasonOf(await scene.store.renewLease(lease.id, renewal, entry()))).toBe(reason);
    });

    it('is refused to another agent, for a lease that is not there, and with a revoked key', async () => {
      const scene = await begin();
      await scene.task('run-1');
      const { id } = await scene.issue('run-1');
      await scene.revoke(select('key', 'key-bad'));
      const renew = async (lease: LeaseId, overrides: Partial<Renewal>): Promise<string> =>
        reasonOf(await scene.store.renewLease(lease, { ...renewal, ...overrides }, entry()));
      expect(await renew(id, { agent: OTHER_AGENT })).toBe('lease_not_yours');
      expect(await renew('lease_0'.padEnd(34, '0') as LeaseId, {})).toBe('lease_unknown');
      expect(await renew(id, { keyId: 'key-bad' })).toBe('key_revoked');
    });
  });

  describe('reading leases', () => {
    it('tells a lease as it stands now, and what ended it', async () => {
      const scene = await begin();
      await scene.task('run-1');
      const lease = await scene.issue('run-1', { ttlMs: MINUTE_MS });
      scene.clock.advance(MINUTE_MS - 1);
      expect(await scene.standing(lease.id)).toBe('active');
      scene.clock.advance(1);
      expect(await scene.store.readLease(lease.id)).toMatchObject({
        state: 'expired',
        ended: { at: lease.expiresAt, cause: 'ttl' },
      });
      expect(await scene.standing('lease_0'.padEnd(34, '0') as LeaseId)).toBeUndefined();
    });

    it('lists the newest first, a page at a time, without a gap or a repetition', async () => {
      const scene = await begin();
      await scene.task('run-1');
      const ids: string[] = [];
      for (let n = 0; n < 7; n++) {
        ids.push((await scene.issue('run-1')).id);
        scene.clock.advance(n % 2);
      }
      const listed: string[] = [];
      for (let page = await scene.store.listLeases({ limit: 3 }); page.length > 0;) {
        listed.push(...page.map(({ id }) => id));
        page = await scene.store.listLeases({ limit: 3, after: listed.at(-1)! });
      }
      expect(listed).toEqual(ids.toSorted().toReversed());
    });

    it('filters by agent, task tree, tool and standing', async () => {
      const scene = await begin();
      for (const id of ['run-4', 'run-4.a', 'run-42']) await scene.task(id);
      const mine = await scene.issue('run-4');
      const below = await scene.issue('run-4.a', { tool: 'mail' });
      const theirs = await scene.issue('run-42', { agent: OTHER_AGENT });
      await scene.revoke(select('lease', mine.id));
      const ids = async (query: object): Promise<string[]> =>
        (await scene.store.listLeases({ limit: 9, ...query })).map(({ id }) => id).toSorted();
      expect(await ids({ task: 'run-4' })).toEqual([mine.id, below.id].toSorted());
      expect(await ids({ agent: OTHER_AGENT })).toEqual([theirs.id]);
      expect(await ids({ tool: 'mail' })).toEqual([below.id]);
      expect(await ids({ state: 'revoked' })).toEqual([mine.id]);
      expect(await ids({ state: 'active', task: 'run-4' })).toEqual([below.id]);
    });
  });
}
