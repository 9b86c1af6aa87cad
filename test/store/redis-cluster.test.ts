// The store's contract, and a few random lives, on a cluster of three nodes.
import { describeStoreModel } from '../contract/store-model.js';
import { describeStore } from '../contract/store.js';
import { RedisCluster } from '../fixtures/redis/cluster.js';
import { redisHarness } from './redis-harness.js';

const harness = redisHarness(() => RedisCluster.start());
describeStore('Redis Cluster', harness);
describeStoreModel('Redis Cluster', harness, { numRuns: 2, atMostMs: 8_000, maxCommands: 25 });
