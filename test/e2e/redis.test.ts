// Two brokers as processes on one Redis, in each of its forms: to whoever asks, they are one.
import { afterEach, describe, expect, test } from '@jest/globals';
import { randomBytes, randomUUID } from 'node:crypto';
import { TASK } from '../fixtures/broker-client.js';
import { Workloads } from '../fixtures/broker-workloads.js';
import { BrokerFleet } from '../fixtures/broker-fleet.js';
import { BrokerProcess } from '../fixtures/broker-process.js';
import { RedisCluster } from '../fixtures/redis/cluster.js';
import type { RedisDeployment } from '../fixtures/redis/deployment.js';
import { hasRedis } from '../fixtures/redis/presence.js';
import { StandaloneRedis } from '../fixtures/redis/standalone.js';
import { until } from '../fixtures/until.js';
import { describeTwoBrokers } from './two-brokers.js';

const SAFE = { tls: true, userFor: 'mayfly' };

describeTwoBrokers('one server, TLS, a user of few rights', () => StandaloneRedis.start(SAFE));
describeTwoBrokers('a cluster, TLS, a user of few rights', () => RedisCluster.start(SAFE));

(hasRedis ? describe : describe.skip)('brokers on one Redis', () => {
  const ends: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0).toReversed()) await end();
  });
  const server = async (): Promise<RedisDeployment> => {
    const redis = await StandaloneRedis.start();
    ends.push(() => redis.close());
    return redis;
  };

  test('a token that is good for one request is so at all of them', async () => {
    const redis = await server();
    const trust = [{ ...Workloads.trust('./workloads.jwks.json'), one_time: true }];
    const fleet = await BrokerFleet.start({ count: 2, redis, terms: { trust } });
    ends.push(() => fleet.remove());
    const [first, second] = fleet.brokers as [BrokerProcess, BrokerProcess];
    const once = (sub: string): string => first.workloads.sign(sub, { jti: randomUUID() });
    const asked = { bearer: once('planner'), json: { ...TASK, id: 'run-1' } };
    expect((await first.call('POST', '/v1/tasks', asked)).status).toBe(201);
    expect((await second.call('POST', '/v1/tasks', asked)).status).toBe(401);
    expect((await second.call('POST', '/v1/tasks', { ...asked, bearer: once('planner') })).status).toBe(200);
  });

  test('one whose Redis breaks off warns of it, and counts that', async () => {
    const redis = await StandaloneRedis.start();
    ends.push(() => redis.close());
    const fleet = await BrokerFleet.start({ count: 1, redis });
    ends.push(() => fleet.remove());
    const [broker] = fleet.brokers as [BrokerProcess];
    const warnings = async (): Promise<number> => {
      const { text } = await broker.get('/metrics', 'operator');
      return Number(/^mayfly_store_warnings_total (\d+)$/m.exec(text)![1]);
    };
    const before = await warnings();
    await redis.server.kill();
    await until('it is not ready', async () => !(await broker.isReady()));
    await redis.server.restart();
    await until('it is ready again', () => broker.isReady());
    expect(await warnings()).toBeGreaterThan(before);
  });

  test('one that has another seal key does not start, and says why', async () => {
    const redis = await server();
    const fleet = await BrokerFleet.start({ count: 1, redis });
    ends.push(() => fleet.remove());
    const terms = { store: redis.storeTerms(), issuer: fleet.brokers[0]!.url };
    const env = { MAYFLY_SEAL_KEY: randomBytes(32).toString('base64') };
    const stranger = await BrokerProcess.prepare(terms, undefined, undefined, { env });
    ends.push(() => stranger.remove());
    await expect(stranger.start()).rejects.toThrow(/MAYFLY_SEAL_KEY/);
    expect(await fleet.brokers[0]!.isReady()).toBe(true);
  });
});
