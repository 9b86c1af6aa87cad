// The store's contract on kills: dead at once, whatever is named, and for good.
import { describe, expect, it } from '@jest/globals';
import { DAY_MS, HOUR_MS, SECOND_MS } from '../../../src/domain/duration.js';
import type { LeaseId } from '../../../src/domain/ids.js';
import type { Selector } from '../../../src/domain/selector.js';
import { deadAmong, EVERYTHING, openLeases } from './every-kind.js';
import type { Scene } from './scene.js';
import { AGENT, entry, OPERATOR, reasonOf, select, taskId, tokenRequest } from './scene.js';

type Named = (leases: Record<string, LeaseId>) => Selector;
const KILLS: [string, Named, string[]][] = [
  ['a lease', (leases) => select('lease', leases['beside']), ['beside']],
  ['a lease that exists at a target', (leases) => select('lease', leases['external']), ['external']],
  ['a mint under way', (leases) => select('lease', leases['minting']), ['minting']],
  ['a task with all below it, by whole segments', () => select('task', 'run-4'), ['below', 'plain']],
  ['a child, and not its parent', () => select('task', 'run-4.a'), ['below']],
  [
    'an agent, as subject and as actor',
    () => select('agent', AGENT),
    ['below', 'beside', 'delegated', 'plain'],
  ],
  ['an agent that only ever acted for others', () => select('agent', 'cluster/first'), ['delegated']],
  ['a tool', () => select('tool', 'mail'), ['tool']],
  ['a trust', () => select('trust', 'github'), ['trust']],
  ['a signing key', () => select('key', 'key-2'), ['key']],
  ['everything', () => select('all'), EVERYTHING],
  ['an agent that nobody has heard of', () => select('agent', 'cluster/agent'), []],
  ['a task that nobody has heard of', () => select('task', 'run'), []],
];

export function describeRevocations(begin: () => Promise<Scene>): void {
  describe('revoking', () => {
    it.each(KILLS)('%s ends what it names, at once, and nothing else', async (_, named, expected) => {
      const scene = await begin();
      const leases = await openLeases(scene);
      await scene.revoke(named(leases));
      expect(await deadAmong(scene, leases)).toEqual(expected.toSorted());
    });

    it.each(KILLS)(
      '%s is still dead after a crash, and when nobody has swept for long',
      async (_, named, expected) => {
        const scene = await begin();
        const leases = await openLeases(scene);
        await scene.revoke(named(leases));
        await scene.crash();
        expect(await deadAmong(scene, leases)).toEqual(expected.toSorted());
        scene.clock.advance(HOUR_MS);
        const ended = await scene.store.listLeases({ state: 'expired', limit: 99 });
        const killedTokens = expected.filter((name) => name !== 'external' && name !== 'minting');
        expect(
          ended.map(({ id }) => id).filter((id) => killedTokens.some((name) => leases[name] === id)),
        ).toEqual([]);
      },
    );

    it.each(KILLS)(
      '%s counts exactly: the same before the kill, and after it as what it ended',
      async (_, named, expected) => {
        const scene = await begin();
        const leases = await openLeases(scene);
        const external = expected.filter((name) => name === 'external' || name === 'minting').length;
        const count = { tokens: expected.length - external, external };
        const selector = named(leases);
        expect(await scene.store.countSelected(selector)).toEqual(count);
        const killed = await scene.revoke(selector);
        expect(await scene.store.countSelected(selector)).toEqual({ tokens: 0, external: 0 });
        expect(await scene.store.countSelected(selector, killed)).toEqual(count);
        await scene.closeTask('run-42');
        scene.clock.advance(SECOND_MS);
        await scene.settleAll();
        expect(await scene.store.countSelected(selector, killed)).toEqual(count);
      },
    );

    it.each(KILLS)('%s twice is the same as once', async (_, named, expected) => {
      const scene = await begin();
      const leases = await openLeases(scene);
      await scene.revoke(named(leases));
      const standings = await scene.store.listLeases({ limit: 99 });
      scene.clock.advance(SECOND_MS);
      await scene.revoke(named(leases));
      expect(await scene.store.listLeases({ limit: 99 })).toEqual(standings);
      expect(await deadAmong(scene, leases)).toEqual(expected.toSorted());
    });

    it('counts what this kill ended, not what another had ended before, be it in the same millisecond', async () => {
      const scene = await begin();
      await openLeases(scene);
      await scene.closeTask('run-4');
      const byAgent = await scene.revoke(select('agent', AGENT));
      const byAll = await scene.revoke(select('all'));
      expect(await scene.store.countSelected(select('agent', AGENT), byAgent)).toEqual({
        tokens: 2,
        external: 0,
      });
      expect(await scene.store.countSelected(select('all'), byAll)).toEqual({ tokens: 4, external: 2 });
    });

    it.each([
      ['agent', AGENT],
      ['tool', 'crm'],
      ['trust', 'cluster'],
      ['all', ''],
    ] as const)(
      '%s leaves room for later leases, also of the same millisecond: the fence keeps them apart',
      async (kind, name) => {
        const scene = await begin();
        await scene.task('run-1');
        const before = await scene.issue('run-1');
        const { cutoff, at } = await scene.revoke(select(kind, name));
        const after = await scene.issue('run-1');
        expect(await scene.standing(before.id)).toBe('revoked');
        expect(await scene.standing(after.id)).toBe('active');
        expect(before.issuedAt).toBeLessThanOrEqual(cutoff);
        expect(after.issuedAt).toBeGreaterThan(cutoff);
        expect(cutoff).toBeGreaterThanOrEqual(at);
      },
    );

    it.each([
      ['lease', ''],
      ['task', 'run-1'],
      ['key', 'key-1'],
    ] as const)('%s names what is over for good, and needs no cut-off', async (kind, name) => {
      const scene = await begin();
      await scene.task('run-1');
      const { id } = await scene.issue('run-1');
      expect((await scene.revoke(select(kind, name || id))).cutoff).toBe(Infinity);
    });

    it('orders kills and issuances that come at the same time: what it left alive is later than its cut-off', async () => {
      const scene = await begin();
      await scene.task('run-1');
      const [leases, kills] = await Promise.all([
        Promise.all(Array.from({ length: 60 }, () => scene.issue('run-1'))),
        Promise.all(Array.from({ length: 3 }, () => scene.revoke(select('agent', AGENT)))),
      ]);
      const cutoff = Math.max(...kills.map((kill) => kill.cutoff));
      for (const lease of leases) {
        expect(await scene.standing(lease.id)).toBe(lease.issuedAt > cutoff ? 'active' : 'revoked');
      }
    });

    it('tells who killed a lease, why, and by which request; a lease dead already stays as it died', async () => {
      const scene = await begin();
      await scene.task('run-1');
      const lease = await scene.issue('run-1');
      const kill = entry('revocation.create');
      const told = { select: select('agent', AGENT), by: OPERATOR, reason: 'it went astray' };
      const { at } = await scene.store.revoke(told, kill);
      await scene.closeTask('run-1');
      await scene.revoke(select('lease', lease.id));
      expect((await scene.store.readLease(lease.id))?.ended).toEqual({
        at,
        cause: 'agent',
        name: AGENT,
        reason: 'it went astray',
        requestId: kill.requestId,
      });
    });

    it('a task closes it as revoked, with all below', async () => {
      const scene = await begin();
      for (const id of ['run-1', 'run-1.a']) await scene.task(id);
      await scene.revoke(select('task', 'run-1'), { reason: 'stop' });
      for (const id of ['run-1', 'run-1.a']) {
        expect((await scene.store.readTask(taskId(id)))?.closed).toMatchObject({
          outcome: 'revoked',
          by: OPERATOR,
        });
      }
    });

    it('a key that was killed never signs again, also when its selector is moot and swept away', async () => {
      const scene = await begin();
      await scene.task('run-1', { ttlMs: 10 * DAY_MS });
      await scene.revoke(select('key', 'key-1'));
      scene.clock.advance(5 * DAY_MS);
      await scene.sweep();
      expect(reasonOf(await scene.store.issueLease(tokenRequest('run-1'), entry()))).toBe('key_revoked');
    });
  });
}
