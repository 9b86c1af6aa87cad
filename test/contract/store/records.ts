// The store's contract on what stands beside tasks and leases: audit, time, durability, replay keys, signing keys.
import { describe, expect, it } from '@jest/globals';
import { MINUTE_MS, SECOND_MS } from '../../../src/domain/duration.js';
import type { Store } from '../../../src/store/store.js';
import { StoreUnavailable } from '../../../src/store/store.js';
import type { StoreHarness } from './harness.js';
import { SettableClock, TERMS } from './harness.js';
import type { Scene } from './scene.js';
import {
  AGENT,
  entry,
  externalRequest,
  newTask,
  OPERATOR,
  OTHER_AGENT,
  PLANNER,
  select,
  signingKey,
  taskId,
  tokenRequest,
} from './scene.js';

export function describeRecords(begin: () => Promise<Scene>, harness: StoreHarness): void {
  describe('the store’s time', () => {
    it('never goes back with a clock that does, nor across a crash', async () => {
      const scene = await begin();
      await scene.task('run-1', { ttlMs: 60 * MINUTE_MS });
      scene.clock.advance(30 * SECOND_MS);
      const lease = await scene.issue('run-1');
      scene.clock.advance(-50 * SECOND_MS);
      expect(await scene.store.now()).toBe(lease.issuedAt);
      expect((await scene.issue('run-1')).issuedAt).toBeGreaterThanOrEqual(lease.issuedAt);
      await scene.crash();
      expect(await scene.store.now()).toBeGreaterThanOrEqual(lease.issuedAt);
      expect((await scene.issue('run-1')).issuedAt).toBeGreaterThanOrEqual(lease.issuedAt);
    });

    it('keeps the fence across a crash: what is issued next is later than a kill before it', async () => {
      const scene = await begin();
      await scene.task('run-1');
      const { cutoff } = await scene.revoke(select('all'));
      await scene.crash();
      const lease = await scene.issue('run-1');
      expect(lease.issuedAt).toBeGreaterThan(cutoff);
      expect(await scene.standing(lease.id)).toBe('active');
    });

    it('does not start more than a minute ahead of the machine: rather not at all than with wrong deadlines', async () => {
      const scene = await begin();
      await scene.task('run-1');
      scene.clock.advance(-MINUTE_MS);
      await scene.crash();
      scene.clock.advance(-1);
      await expect(scene.crash()).rejects.toThrow(StoreUnavailable);
    });
  });

  describe('once', () => {
    it('is true for one among many who come at the same time', async () => {
      const { store, clock } = await begin();
      const expiresAt = clock.now() + MINUTE_MS;
      const winners = await Promise.all(Array.from({ length: 50 }, () => store.once('jti-1', expiresAt)));
      expect(winners.filter(Boolean)).toHaveLength(1);
      expect(await store.once('jti-2', expiresAt)).toBe(true);
    });

    it('is false until the key expires, also after a crash and a sweep, and true again then', async () => {
      const scene = await begin();
      expect(await scene.store.once('jti-1', scene.clock.now() + MINUTE_MS)).toBe(true);
      await scene.crash();
      scene.clock.advance(MINUTE_MS - 1);
      await scene.sweep();
      expect(await scene.store.once('jti-1', scene.clock.now() + MINUTE_MS)).toBe(false);
      scene.clock.advance(1);
      expect(await scene.store.once('jti-1', scene.clock.now() + MINUTE_MS)).toBe(true);
      expect(await scene.store.once('jti-1', scene.clock.now() + MINUTE_MS)).toBe(false);
    });
  });

  describe('once, of what has expired by the store’s time', () => {
    it('is false for everybody: a broker whose clock is behind lets nothing in again and again', async () => {
      const { store, clock } = await begin();
      expect(await store.once('jti-1', clock.now())).toBe(false);
      expect(await store.once('jti-1', clock.now() - 1)).toBe(false);
      expect(await store.once('jti-1', clock.now() + 1)).toBe(true);
    });
  });

  describe('signing keys', () => {
    it('are kept by use, in the order of their activation, until they are removed', async () => {
      const scene = await begin();
      for (const key of [signingKey('a', 1), signingKey('b', 2), signingKey('f', 1, 'feed')]) {
        expect(await scene.store.addSigningKey(key, entry('key.rotate'))).toBe(true);
      }
      await scene.crash();
      expect(await scene.store.signingKeys('credential')).toEqual([signingKey('a', 1), signingKey('b', 2)]);
      await scene.store.removeSigningKey('a');
      expect(await scene.store.signingKeys('credential')).toEqual([signingKey('b', 2)]);
      expect(await scene.store.signingKeys('feed')).toEqual([signingKey('f', 1, 'feed')]);
    });

    it('are rotated once by two brokers at the same time, and the one that came too late says nothing', async () => {
      const { store } = await begin();
      const rotate = async (kids: string[], newest: string | null, activatesAt: number): Promise<boolean[]> =>
        Promise.all(
          kids.map((kid, n) =>
            store.addSigningKey(signingKey(kid, activatesAt + n), entry('key.rotate'), newest),
          ),
        );
      expect((await rotate(['a', 'b'], null, 1)).filter(Boolean)).toHaveLength(1);
      const [first] = await store.signingKeys('credential');
      expect((await rotate(['c', 'd'], first!.kid, 100)).filter(Boolean)).toHaveLength(1);
      expect(await store.signingKeys('credential')).toHaveLength(2);
      expect(await store.auditEvents({ limit: 9 })).toHaveLength(2);
    });

    it('never activate before one that is there already', async () => {
      const { store } = await begin();
      await store.addSigningKey(signingKey('a', 10), entry());
      const late = entry();
      expect(await store.addSigningKey(signingKey('b', 10), late)).toBe(false);
      expect(late.concluded).toBe(false);
      expect(await store.addSigningKey(signingKey('c', 9), entry())).toBe(false);
      expect(await store.addSigningKey(signingKey('a', 11), entry())).toBe(false);
    });
  });

  describe('a store that is well, and one that is closed', () => {
    it('says that it is well after it has tried to write', async () => {
      const { store } = await begin();
      expect(await store.ailment()).toBeUndefined();
    });

    it('finishes what was asked before it was closed, and can be closed again', async () => {
      const scene = await begin();
      await scene.task('run-1');
      const pending = scene.issue('run-1');
      await scene.store.close();
      expect((await pending).state).toBe('active');
      await scene.store.close();
    });

    it('rejects everything as unavailable once it is closed', async () => {
      const store = await harness.open(new SettableClock(), TERMS);
      await store.openTask(newTask('run-1'), entry());
      await store.close();
      const id = 'lease_0'.padEnd(34, '0') as never;
      const calls: Record<
        Exclude<keyof Store, 'close' | 'ailment' | 'watch' | 'tellPeers' | 'denials'>,
        () => Promise<unknown>
      > = {
        openTask: () => store.openTask(newTask('run-1'), entry()),
        readTask: () => store.readTask(taskId('run-1')),
        recallTask: () => store.recallTask(taskId('run-1')),
        listTasks: () => store.listTasks({ limit: 1 }),
        revokedKeys: () => store.revokedKeys(),
        countLeases: () => store.countLeases(taskId('run-1')),
        extendTask: () => store.extendTask(taskId('run-1'), { deadline: 1, maxTtlMs: 1 }, entry()),
        closeTask: () => store.closeTask(taskId('run-1'), { outcome: 'failed', by: PLANNER }, entry()),
        statusLists: () => store.statusLists(),
        statusList: () => store.statusList('0-1'),
        recordBatch: () =>
          store.recordBatch({
            name: 'b',
            events: [{ entry: entry(), conclusion: { outcome: 'permitted' } }],
            knownForMs: 1,
          }),
        issueLease: () => store.issueLease(tokenRequest('run-1'), entry()),
        reserveLease: () => store.reserveLease(externalRequest('run-1'), entry()),
        activateLease: () => store.activateLease(id, {}, entry()),
        abandonLease: () => store.abandonLease(id, 'mint_failed', entry()),
        renewLease: () => store.renewLease(id, { agent: AGENT, ttlMs: 1, policyDigest: '' }, entry()),
        readLease: () => store.readLease(id),
        listLeases: () => store.listLeases({ limit: 1 }),
        liveLeases: async () => {
          for await (const leases of store.liveLeases(taskId('run-1'))) expect(leases).toEqual([]);
        },
        activeAtTarget: async () => {
          for await (const leases of store.activeAtTarget('ledger')) expect(leases).toEqual([]);
        },
        countLive: () => store.countLive({ task: taskId('run-1') }, 1, 1000),
        countOpenTasks: () => store.countOpenTasks(PLANNER, 1),
        readContext: () => store.readContext(taskId('run-1')),
        recallContext: () => store.recallContext(taskId('run-1')),
        signalTask: () => store.signalTask(taskId('run-1'), 'untrusted_content', 1, entry()),
        dueReviews: () => store.dueReviews(1, 0),
        concludeReview: () => store.concludeReview(taskId('run-1'), 1),
        principalFacts: () => store.principalFacts(taskId('run-1'), 'digest'),
        revoke: () => store.revoke({ select: select('all'), by: OPERATOR }, entry()),
        countSelected: () => store.countSelected(select('all')),
        revocations: () => store.revocations(),
        asOf: () => store.asOf(),
        restoreRevocations: () => store.restoreRevocations([]),
        quarantines: () => store.quarantines(),
        liftQuarantine: () => store.liftQuarantine(OTHER_AGENT, entry()),
        sweep: () => store.sweep(1),
        claimDue: () => store.claimDue(1, 1),
        claimEnded: () => store.claimEnded(id, 1, 1),
        settle: () => store.settle(id, 'claim', { kind: 'confirmed' }),
        retryLease: () => store.retryLease(id, entry()),
        forceLease: () => store.forceLease(id, { by: OPERATOR, reason: 'a test' }, entry()),
        countIrrevocable: () => store.countIrrevocable(),
        record: () => store.record(entry(), { outcome: 'failed' }),
        recordInPassing: () => store.recordInPassing(entry(), { outcome: 'failed' }),
        auditEvents: () => store.auditEvents({ limit: 1 }),
        once: () => store.once('jti', 1),
        signingKeys: () => store.signingKeys('credential'),
        addSigningKey: () => store.addSigningKey(signingKey('a', 1), entry()),
        removeSigningKey: () => store.removeSigningKey('a'),
        now: () => store.now(),
      };
      for (const [name, call] of Object.entries(calls)) {
        const outcome = await call().then(
          () => 'resolved',
          (error: unknown) => (error instanceof StoreUnavailable ? error.code : error),
        );
        expect([name, outcome]).toEqual([name, 'ERR_STORE_UNAVAILABLE']);
      }
      expect(await store.ailment()).toMatch(/closed/);
    });
  });
}
