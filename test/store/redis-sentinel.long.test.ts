// The store's contract on a master that every kill waits for a replica of, under sentinels.
import { describeStore } from '../contract/store.js';
import { SentinelRedis } from '../fixtures/redis/sentinel.js';
import { redisHarness } from './redis-harness.js';

describeStore(
  'Redis Sentinel',
  redisHarness(() => SentinelRedis.start(), { minReplicas: 1 }),
);
