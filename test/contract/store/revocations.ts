// The store's contract on kills: dead at once, whatever is named, and for good.
import { describe, expect, it } from '@jest/globals';
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../../../src/domain/duration.js';
import type { LeaseId, PrincipalName } from '../../../src/domain/ids.js';
import type { Selector } from '../../../src/domain/selector.js';
import { TERMS } from './harness.js';
import type { Scene } from './scene.js';
import {
  AGENT,
  entry,
  newTask,
  OPERATOR,
  OTHER_AGENT,
  reasonOf,
  select,
  taskId,
  tokenRequest,
} from './scene.js';

/** Leases that differ in everything a selector can name; the keys say what they are. */
async function openLeases(scene: Scene): Promise<Record<string, LeaseId>> {
  for (const id of ['run-4', 'run-4.a', 'run-42']) await scene.task(id);
  const leases = {
    plain: await scene.issue('run-4'),
    below: await scene.issue('run-4.a'),
    beside: await scene.issue('run-42'),
    other: await scene.issue('run-42', { agent: OTHER_AGENT }),
    delegated: await scene.issue('run-42', {
      agent: OTHER_AGENT,
      actors: ['cluster/first' as PrincipalName, AGENT],
    }),
    tool: await scene.issue('run-42', { tool: 'mail', agent: OTHER_AGENT }),
    trust: await scene.issue('run-42', { trust: 'github', agent: OTHER_AGENT }),
    key: await scene.issue('run-42', { keyId: 'key-2', agent: OTHER_AGENT }),
    external: await scene.external('run-42', { agent: OTHER_AGENT }),
    minting: await scene.reserve('run-42', { agent: OTHER_AGENT }),
  };
  return Object.fromEntries(Object.entries(leases).map(([name, { id }]) => [name, id]));
}

async function deadAmong(scene: Scene, leases: Record<string, LeaseId>): Promise<string[]> {
  const dead: string[] = [];
  for (const [name, id] of Object.entries(leases)) {
    const state = await scene.standing(id);
    if (state !== 'active' && state !== 'reserved') dead.push(name);
  }
  return dead.toSorted();
}

const inForce = async ({ store }: Scene): Promise<string[]> =>
  (await store.revocations()).entries.map(({ kind, name }) => `${kind}:${name}`).toSorted();

const EVERYTHING = [
  'below',
  'beside',
  'delegated',
  'external',
  'key',
  'minting',
  'other',
  'plain',
  'tool',
  'trust',
];
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

export function describeRevocations(begin: (terms?: Partial<typeof TERMS>) => Promise<Scene>): void {
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

  describe('the revocations in force', () => {
    it('are the union of all kills and closes, each until it is moot: beyond every exp it concerns, and the skew', async () => {
      const scene = await begin();
      await scene.task('run-1');
      await scene.task('run-2');
      const lease = await scene.issue('run-1');
      const external = await scene.external('run-2', { ttlMs: 9 * MINUTE_MS });
      const kills = [
        await scene.revoke(select('lease', lease.id)),
        await scene.revoke(select('agent', OTHER_AGENT)),
        await scene.revoke(select('key', 'key-1')),
      ];
      const { entries } = await scene.store.revocations();
      expect(entries.toSorted((a, b) => a.at - b.at)).toEqual(kills.toSorted((a, b) => a.at - b.at));
      expect(kills[0]!.mootAt).toBeGreaterThanOrEqual(lease.expiresAt + TERMS.clockSkewMs);
      for (const wide of kills.slice(1)) {
        expect(wide.mootAt).toBeGreaterThanOrEqual(external.expiresAt + TERMS.clockSkewMs);
      }
      const task = await scene.closeTask('run-2');
      const closing = (await scene.store.revocations()).entries.find(({ kind }) => kind === 'task');
      expect(closing).toMatchObject({ name: 'run-2', cutoff: Infinity, at: task.closed!.at });
      expect(closing!.mootAt).toBeGreaterThanOrEqual(task.deadline + TERMS.clockSkewMs);
    });

    it('hold one entry for a closed tree, and none for a task that ran out: nothing outlives a deadline', async () => {
      const scene = await begin();
      for (const id of ['run-1', 'run-1.a', 'run-1.a.b']) await scene.task(id);
      await scene.task('run-2', { ttlMs: SECOND_MS });
      await scene.closeTask('run-1');
      scene.clock.advance(SECOND_MS);
      await scene.sweep();
      expect(await inForce(scene)).toEqual(['task:run-1']);
    });

    it('stay in force until they are moot, sweep or no sweep, and go then', async () => {
      const scene = await begin();
      await scene.task('run-1');
      await scene.issue('run-1');
      const { mootAt } = await scene.revoke(select('agent', AGENT));
      scene.clock.advance(mootAt - scene.clock.now() - 1);
      await scene.sweep();
      expect(await inForce(scene)).toEqual([`agent:${AGENT}`]);
      await scene.crash();
      expect(await inForce(scene)).toEqual([`agent:${AGENT}`]);
      scene.clock.advance(1);
      expect(await inForce(scene)).toEqual([]);
      await scene.sweep();
      expect(await inForce(scene)).toEqual([]);
    });

    it('tell how a lease ended for as long as it is on record, long after they were moot', async () => {
      const scene = await begin({ retention: { ...TERMS.retention, leaseMs: DAY_MS } });
      await scene.task('run-1');
      const killed = await scene.issue('run-1');
      await scene.revoke(select('agent', AGENT));
      const lapsed = await scene.issue('run-1');
      for (let hour = 0; hour < 24; hour++) {
        scene.clock.advance(HOUR_MS);
        await scene.sweep();
        expect(await scene.standing(killed.id)).toBe('revoked');
        expect(await scene.standing(lapsed.id)).toBe('expired');
      }
      scene.clock.advance(HOUR_MS);
      await scene.sweep();
      expect(await scene.standing(killed.id)).toBeUndefined();
      const counts = await scene.store.countLeases(taskId('run-1'));
      expect(counts).toMatchObject({ revoked: 1, expired: 1, active: 0 });
    });

    it('keep their epoch across a crash', async () => {
      const scene = await begin();
      await scene.task('run-1');
      const { epoch } = await scene.store.revocations();
      await scene.crash();
      expect((await scene.store.revocations()).epoch).toBe(epoch);
      expect(epoch).not.toBe((await (await begin()).store.revocations()).epoch);
    });
  });

  describe('restoring revocations', () => {
    it('kills in a store that lost them what they named: nothing is revived', async () => {
      const [kept, lost] = [await begin(), await begin()];
      const leases = await openLeases(lost);
      await openLeases(kept);
      await kept.revoke(select('agent', AGENT));
      await kept.closeTask('run-42', { outcome: 'completed' });
      await kept.revoke(select('key', 'key-2'));
      await kept.revoke(select('task', 'run-never'));
      const { entries } = await kept.store.revocations();
      const ofLease = { ...entries[0]!, ...select('lease', leases['plain']), cutoff: Infinity };
      await lost.store.restoreRevocations([...entries, ofLease]);

      expect(await deadAmong(lost, leases)).toEqual(EVERYTHING);
      expect((await lost.store.readTask(taskId('run-42')))?.closed?.outcome).toBe('revoked');
      expect(reasonOf(await lost.store.openTask(newTask('run-never'), entry()))).toBe('task_closed');
      expect(reasonOf(await lost.store.issueLease(tokenRequest('run-4', { keyId: 'key-2' }), entry()))).toBe(
        'key_revoked',
      );
      const restored = (await lost.store.revocations()).entries;
      expect(restored).toEqual(expect.arrayContaining(entries));
      await lost.settleAll();
      lost.clock.advance(MINUTE_MS);
      await lost.settleAll();
      expect(await lost.standing(leases['external']!)).toBe('revoked');
      expect(await lost.taskState('run-42')).toBe('settled');
    });

    it('adds, never replaces, and is idempotent', async () => {
      const scene = await begin();
      await scene.task('run-1');
      await scene.issue('run-1');
      await scene.revoke(select('agent', AGENT));
      const before = await scene.store.revocations();
      await scene.store.restoreRevocations([]);
      await scene.store.restoreRevocations(before.entries);
      await scene.store.restoreRevocations(before.entries);
      expect(await scene.store.revocations()).toEqual(before);
      await scene.crash();
      expect(await scene.store.revocations()).toEqual(before);
    });

    it('raises the fence for good: what is issued afterwards is later than every cut-off it was told', async () => {
      const scene = await begin();
      await scene.task('run-1');
      const { at, ...kill } = await scene.revoke(select('agent', AGENT));
      const ahead = { ...kill, at: at + 5_000, cutoff: kill.cutoff + 5_000, mootAt: kill.mootAt + MINUTE_MS };
      await scene.store.restoreRevocations([ahead]);
      await scene.crash();
      const lease = await scene.issue('run-1');
      expect(lease.issuedAt).toBeGreaterThan(ahead.cutoff);
      expect(await scene.standing(lease.id)).toBe('active');
    });
  });

  describe('quarantine', () => {
    it('keeps an agent from everything until it is lifted; other agents go on', async () => {
      const scene = await begin();
      await scene.task('run-1');
      await scene.revoke(select('agent', AGENT), { quarantine: true, reason: 'astray' });
      const issue = async (agent: PrincipalName): Promise<string> =>
        reasonOf(await scene.store.issueLease(tokenRequest('run-1', { agent }), entry()));
      expect(await issue(AGENT)).toBe('agent_quarantined');
      expect(await issue(OTHER_AGENT)).toBe('not refused');
      await scene.crash();
      expect(await issue(AGENT)).toBe('agent_quarantined');
      const [quarantine, ...more] = await scene.store.quarantines();
      expect(more).toEqual([]);
      expect(quarantine).toEqual({ agent: AGENT, since: expect.any(Number), by: OPERATOR, reason: 'astray' });
      expect(await scene.store.liftQuarantine(AGENT, entry('quarantine.lift'))).toEqual(quarantine);
      expect(await issue(AGENT)).toBe('not refused');
      expect(await scene.store.quarantines()).toEqual([]);
    });

    it('keeps its beginning when it is said again, and cannot be lifted where there is none', async () => {
      const scene = await begin();
      await scene.revoke(select('agent', AGENT), { quarantine: true, reason: 'first' });
      const quarantines = await scene.store.quarantines();
      scene.clock.advance(SECOND_MS);
      await scene.revoke(select('agent', AGENT), { quarantine: true, reason: 'second' });
      expect(await scene.store.quarantines()).toEqual(quarantines);
      expect(reasonOf(await scene.store.liftQuarantine(OTHER_AGENT, entry()))).toBe('quarantine_unknown');
    });

    it('is for agents only: with another selector it quarantines nobody', async () => {
      const scene = await begin();
      await scene.revoke(select('tool', 'crm'), { quarantine: true });
      expect(await scene.store.quarantines()).toEqual([]);
    });
  });
}
