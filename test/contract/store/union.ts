// The store's contract on the union of revocations in force, on restoring it, and on quarantines.
import { describe, expect, it } from '@jest/globals';
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../../../src/domain/duration.js';
import type { PrincipalName } from '../../../src/domain/ids.js';
import { until } from '../../fixtures/until.js';
import { TERMS } from './harness.js';
import { deadAmong, EVERYTHING, openLeases } from './every-kind.js';
import type { Scene } from './scene.js';
import {
  AGENT,
  entry,
  granted,
  newTask,
  OPERATOR,
  OTHER_AGENT,
  reasonOf,
  select,
  signingKey,
  taskId,
  tokenRequest,
} from './scene.js';

const inForce = async ({ store }: Scene): Promise<string[]> =>
  (await store.revocations()).entries.map(({ kind, name }) => `${kind}:${name}`).toSorted();

export function describeUnion(begin: (terms?: Partial<typeof TERMS>) => Promise<Scene>): void {
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

    it('last beyond the end of a credential that was renewed a moment ago', async () => {
      const scene = await begin();
      await scene.task('run-1');
      const { id } = await scene.issue('run-1', { ttlMs: 5 * SECOND_MS });
      const renewal = { agent: AGENT, ttlMs: 50 * SECOND_MS, policyDigest: 'p' };
      const { expiresAt } = granted(await scene.store.renewLease(id, renewal, entry()));
      const { mootAt } = await scene.revoke(select('agent', AGENT));
      expect(mootAt).toBeGreaterThanOrEqual(expiresAt + TERMS.clockSkewMs);
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

  describe('news', () => {
    it('tells of every kill, every closed task and every signing key that comes or goes, until nobody listens', async () => {
      const scene = await begin();
      const told: string[] = [];
      const stop = scene.store.watch((news) =>
        told.push(news.kind === 'revocation' ? `${news.revocation.kind}:${news.revocation.name}` : news.kind),
      );
      await scene.task('run-1');
      const lease = await scene.issue('run-1');
      await scene.revoke(select('lease', lease.id));
      await scene.revoke(select('agent', AGENT));
      await scene.closeTask('run-1');
      await scene.store.addSigningKey(signingKey('k', 1), entry('key.rotate'));
      await scene.store.removeSigningKey('k');
      await until('all of it is told', () => told.length >= 5);
      expect(told.toSorted()).toEqual(
        [`agent:${AGENT}`, `lease:${lease.id}`, 'signing_keys', 'signing_keys', 'task:run-1'].toSorted(),
      );
      stop();
      await scene.revoke(select('tool', 'crm'));
      expect(told).toHaveLength(5);
    });

    it('knows until when everything was told: never a time that a kill precedes which was not', async () => {
      const scene = await begin();
      const told = new Set<string>();
      const stop = scene.store.watch(
        (news) => news.kind === 'revocation' && told.add(news.revocation.name || news.revocation.kind),
      );
      const { epoch } = await scene.store.revocations();
      let before = 0;
      for (let round = 0; round < 5; round++) {
        const ids = Array.from({ length: 8 }, (_, at) => `run-${round}-${at}`);
        await Promise.all(ids.map((id) => scene.task(id)));
        const kills = ids.map((id) => scene.closeTask(id));
        await Promise.all([...kills, scene.revoke(select('agent', `prod/agent-${round}`))]);
        const at = await scene.store.now();
        const known = await scene.store.asOf();
        expect([...ids, `prod/agent-${round}`].filter((name) => !told.has(name))).toEqual([]);
        expect(known.epoch).toBe(epoch);
        expect(known.asOf).toBeGreaterThanOrEqual(Math.max(at, before));
        before = known.asOf;
        scene.clock.advance(1000);
      }
      stop();
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

    it('never shortens what is in force: a kill is kept until the latest end that anybody knows of', async () => {
      const scene = await begin();
      await scene.task('run-1');
      const { mootAt, at } = await scene.revoke(select('task', 'run-1'));
      const { entries } = await scene.store.revocations();
      const earlier = { ...entries[0]!, at: at - 1_000, mootAt: mootAt - 1_000 };
      await scene.store.restoreRevocations([earlier]);
      const known = (await scene.store.revocations()).entries.filter(({ name }) => name === 'run-1');
      expect(Math.max(...known.map((kill) => kill.mootAt))).toBe(mootAt);
      expect(Math.min(...known.map((kill) => kill.at))).toBe(at - 1_000);
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
