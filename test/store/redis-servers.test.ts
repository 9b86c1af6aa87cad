// What a server must be before a broker starts on it, and what holds when it is full, slow to follow, or well guarded.
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { Followers } from '../../src/store/redis/followers.js';
import { openRedisStore } from '../../src/store/redis/redis-store.js';
import { flawsOf } from '../../src/store/redis/requirements.js';
import type { Store } from '../../src/store/store.js';
import { StoreUnavailable } from '../../src/store/store.js';
import { TERMS } from '../contract/store/harness.js';
import {
  AGENT,
  entry,
  granted,
  newTask,
  OPERATOR,
  PLANNER,
  select,
  taskId,
  tokenRequest,
} from '../contract/store/scene.js';
import type { RedisDeployment } from '../fixtures/redis/deployment.js';
import { hasRedis } from '../fixtures/redis/presence.js';
import { SentinelRedis } from '../fixtures/redis/sentinel.js';
import { StandaloneRedis } from '../fixtures/redis/standalone.js';
import { until } from '../fixtures/until.js';
import { QUIET, redisOptions } from './redis-harness.js';

const GOOD: Record<string, string> = {
  redis_version: '7.0.15',
  aof_enabled: '1',
  maxmemory_policy: 'noeviction',
  role: 'master',
  cluster_enabled: '0',
  connected_slaves: '1',
};
const asked = (overrides: Parameters<typeof redisOptions>[1] = {}) =>
  redisOptions(
    { options: () => ({ servers: { mode: 'standalone', host: 'redis', port: 6379, database: 0 } }) } as never,
    overrides,
  );

describe('a server is refused', () => {
  test.each<[string, Record<string, string>, Parameters<typeof redisOptions>[1], RegExp]>([
    ['without an append-only file', { aof_enabled: '0' }, {}, /appendonly yes/],
    ['that evicts', { maxmemory_policy: 'allkeys-lru' }, {}, /noeviction, not allkeys-lru/],
    ['that is too old', { redis_version: '6.2.14' }, {}, /6\.2\.14 is too old: 7\.0/],
    ['that is a replica', { role: 'slave' }, {}, /replica/],
    ['of a cluster, by url', { cluster_enabled: '1' }, {}, /store\.cluster/],
    ['of no cluster, by cluster', {}, { servers: { mode: 'cluster', nodes: [] } }, /store\.url/],
    [
      'with too few replicas',
      { connected_slaves: '0' },
      { minReplicas: 1 },
      /0 replicas, and min_replicas is 1/,
    ],
  ])('%s, with what to change', (_what, facts, overrides, message) => {
    const flaws = flawsOf(new Map(Object.entries({ ...GOOD, ...facts })), asked(overrides));
    expect(flaws).toEqual([expect.stringMatching(message)]);
  });

  test('for everything that is wrong with it at once', () => {
    expect(flawsOf(new Map(Object.entries({ redis_version: '5.0.0', role: 'slave' })), asked())).toHaveLength(
      4,
    );
  });

  test('never where it is as it should be, or where its owner takes the danger on', () => {
    expect(flawsOf(new Map(Object.entries(GOOD)), asked({ minReplicas: 1 }))).toEqual([]);
    const dangerous = new Map(
      Object.entries({ ...GOOD, aof_enabled: '0', maxmemory_policy: 'volatile-lru' }),
    );
    expect(flawsOf(dangerous, asked({ dangerouslyWithoutAof: true, dangerouslyWithEviction: true }))).toEqual(
      [],
    );
  });
});

(hasRedis ? describe : describe.skip)('on a real server', () => {
  let deployment: RedisDeployment | undefined;
  let store: Store | undefined;
  afterEach(async () => {
    await store?.close();
    await deployment?.close();
    store = deployment = undefined;
  });
  const open = async (overrides: Parameters<typeof redisOptions>[1] = {}): Promise<Store> =>
    (store = await openRedisStore({ redis: redisOptions(deployment!, overrides), ...TERMS, log: QUIET }));

  test('a store does not open where a crash would lose what it told', async () => {
    deployment = await StandaloneRedis.start({ directives: { appendonly: 'no' } });
    await expect(open()).rejects.toThrow(/appendonly yes/);
    await open({ dangerouslyWithoutAof: true });
  });

  test('a store does not open where nobody answers, and says where it looked', async () => {
    deployment = await StandaloneRedis.start();
    await (deployment as StandaloneRedis).server.kill();
    await expect(open()).rejects.toThrow(/Redis cannot be reached: connect ECONNREFUSED/);
  });

  test('a store does not open that a newer Mayfly wrote', async () => {
    deployment = await StandaloneRedis.start();
    await (await open()).close();
    await (deployment as StandaloneRedis).server.cli('SET', 'mayfly:{s00}:schema', '99');
    await expect(open()).rejects.toThrow(/newer Mayfly \(schema 99, this one knows 1\)/);
  });

  test('with a full memory nothing is issued, and whatever is to be killed is', async () => {
    deployment = await StandaloneRedis.start();
    await open();
    granted(await store!.openTask(newTask('run-1'), entry()));
    const lease = granted(await store!.issueLease(tokenRequest('run-1'), entry()));
    await (deployment as StandaloneRedis).server.cli('CONFIG', 'SET', 'maxmemory', '1mb');
    await expect(store!.issueLease(tokenRequest('run-1'), entry())).rejects.toThrow(StoreUnavailable);
    expect(await store!.ailment()).toMatch(/OOM/);
    // Who brings the kill may have to be found out by a one-time token, or a proof.
    expect(await store!.once('jti-of-a-kill', Date.UTC(2040, 0, 1), true)).toBe(true);
    await store!.revoke({ select: select('lease', lease.id), by: OPERATOR }, entry());
    await store!.revoke({ select: select('agent', AGENT), by: OPERATOR, quarantine: true }, entry());
    await store!.closeTask(taskId('run-1'), { outcome: 'failed', by: PLANNER }, entry());
    expect((await store!.readLease(lease.id))?.state).toBe('revoked');
    expect((await store!.readTask(taskId('run-1')))?.state).toBe('settled');
    await store!.sweep(100);
    await (deployment as StandaloneRedis).server.cli('CONFIG', 'SET', 'maxmemory', '0');
    expect(await store!.ailment()).toBeUndefined();
  });

  test('by TLS, as a user of few rights, everything goes its way', async () => {
    deployment = await StandaloneRedis.start({ tls: true, userFor: 'mayfly' });
    await open();
    granted(await store!.openTask(newTask('run-1'), entry()));
    const lease = granted(await store!.issueLease(tokenRequest('run-1'), entry()));
    await store!.revoke({ select: select('all'), by: OPERATOR }, entry());
    await store!.sweep(100);
    expect((await store!.readLease(lease.id))?.state).toBe('revoked');
    expect(await store!.ailment()).toBeUndefined();
  });
});

(hasRedis ? describe : describe.skip)('where kills wait for a replica', () => {
  let sentinel: SentinelRedis;
  let store: Store;
  beforeAll(async () => {
    sentinel = await SentinelRedis.start();
    const redis = redisOptions(sentinel, { minReplicas: 1, replicaTimeoutMs: 300 });
    store = await openRedisStore({ redis, ...TERMS, log: QUIET });
  }, 30_000);
  afterAll(async () => {
    await store?.close();
    await sentinel?.close();
  });

  test('a server that lacks what is waited for vouches for nothing', async () => {
    const master = await sentinel.master();
    const client = new Redis(master.port, { lazyConnect: true, protocol: 2 });
    await client.connect();
    const followers = new Followers({ client, least: 1, withinMs: 2_000 });
    const clock = 'mayfly:{s00}:clock';
    const stamp = Number((await client.get(clock))!.split(' ')[2]);
    await followers.have(clock, stamp);
    await expect(followers.have(clock, stamp + 1_000_000)).rejects.toThrow(/LOST another server/);
    client.disconnect();
  });

  test('a seat, a denial and a claim wait as well: what a failover would forget is not acknowledged', async () => {
    const [replica] = await sentinel.replicas();
    const end = Date.now() + 60_000;
    const { denials } = store;
    const calls = [
      () => denials.seat({ session: 's1', until: end }, ['reader'], 1),
      () => denials.add('reader', { session: 's1', mintedBy: 1, until: end }),
      () => denials.claim('reader', 600_000, 0),
    ];
    replica!.pause();
    try {
      for (const call of calls) await expect(call()).rejects.toThrow(/0 of 1 replicas/);
      // Nor does it hold back who only asks.
      expect(await denials.seatOf('s1')).toBe('reader');
    } finally {
      replica!.resume();
    }
    // It is not in the way of the very broker that made it, and was not told.
    const claim = await until('it is acknowledged', () =>
      denials.claim('reader', 600_000, 7).catch(() => undefined),
    );
    expect(claim).toEqual({ role: 'reader', fence: 8 });
    expect(await denials.claim('reader', 600_000, 0)).toBeUndefined();
    expect((await denials.read(claim))?.denied).toHaveLength(1);
  });

  test('a used token or proof waits as well: one that none has is let in nowhere, and never again', async () => {
    const [replica] = await sentinel.replicas();
    const until2040 = Date.UTC(2040, 0, 1);
    replica!.pause();
    try {
      await expect(store.once('jti-1', until2040)).rejects.toThrow(/0 of 1 replicas/);
      // Nor does it hold back a kill: who brings one is let in, once.
      expect(await store.once('jti-of-a-kill', until2040, true)).toBe(true);
      expect(await store.once('jti-of-a-kill', until2040, true)).toBe(false);
    } finally {
      replica!.resume();
    }
    await until('the replica is back', () =>
      store.once(`jti-${Math.random()}`, until2040).catch(() => false),
    );
    expect(await store.once('jti-1', until2040)).toBe(false);
    expect(await store.once('jti-of-a-kill', until2040)).toBe(false);
    expect(await store.once('jti-2', until2040)).toBe(true);
  });

  test('one that none has is not acknowledged, stays in force, and is when it is said again', async () => {
    granted(await store.openTask(newTask('run-1'), entry()));
    const close = () => store.closeTask(taskId('run-1'), { outcome: 'completed', by: PLANNER }, entry());
    const [replica] = await sentinel.replicas();
    replica!.pause();
    try {
      const written = entry();
      await expect(
        store.closeTask(taskId('run-1'), { outcome: 'completed', by: PLANNER }, written),
      ).rejects.toThrow(/0 of 1 replicas/);
      expect(written.concluded).toBe(false);
      // Issuing needs no replica: it is not held up, and refused for another reason.
      expect(await store.issueLease(tokenRequest('run-1'), entry())).toMatchObject({ reason: 'task_closed' });
    } finally {
      replica!.resume();
    }
    const closed = await until('the replica has it', () => close().catch(() => undefined));
    expect(granted(closed).closed).toMatchObject({ outcome: 'completed' });
  });
});
