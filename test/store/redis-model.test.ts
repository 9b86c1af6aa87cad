// Random lives of the Redis store against its model, on a cluster: whatever names keys of several slots at once fails there.
import { describeStoreModel } from '../contract/store-model.js';
import { RedisCluster } from '../fixtures/redis/cluster.js';
import { redisHarness } from './redis-harness.js';

describeStoreModel(
  'Redis Cluster',
  redisHarness(() => RedisCluster.start()),
  { numRuns: 12, atMostMs: 10_000 },
);
