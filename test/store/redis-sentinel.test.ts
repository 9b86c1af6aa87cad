// The store's contract, and a few random lives, on a master that every kill waits for a replica of, under sentinels.
import { describeStoreModel } from '../contract/store-model.js';
import { describeStore } from '../contract/store.js';
import { SentinelRedis } from '../fixtures/redis/sentinel.js';
import { redisHarness } from './redis-harness.js';

const harness = redisHarness(() => SentinelRedis.start(), { minReplicas: 1 });
describeStore('Redis Sentinel', harness);
describeStoreModel('Redis Sentinel', harness, { numRuns: 4, atMostMs: 15_000, maxCommands: 25 });
