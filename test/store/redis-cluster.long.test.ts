// The store's contract on a cluster of three nodes.
import { describeStore } from '../contract/store.js';
import { RedisCluster } from '../fixtures/redis/cluster.js';
import { redisHarness } from './redis-harness.js';

describeStore(
  'Redis Cluster',
  redisHarness(() => RedisCluster.start()),
);
