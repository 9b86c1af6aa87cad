// The Redis store against the model, on every kind of server, for as long as `npm test` cannot wait.
import { describeStoreModel } from '../contract/store-model.js';
import { RedisCluster } from '../fixtures/redis/cluster.js';
import { SentinelRedis } from '../fixtures/redis/sentinel.js';
import { StandaloneRedis } from '../fixtures/redis/standalone.js';
import { redisHarness } from './redis-harness.js';

const runs = { numRuns: 400, atMostMs: 150_000 };
describeStoreModel(
  'Redis',
  redisHarness(() => StandaloneRedis.start()),
  runs,
);
describeStoreModel(
  'Redis Cluster',
  redisHarness(() => RedisCluster.start()),
  runs,
);
const waiting = redisHarness(() => SentinelRedis.start(), { minReplicas: 1 });
describeStoreModel('Redis Sentinel', waiting, runs);
