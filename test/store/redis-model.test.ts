// Random lives of the Redis store against its model.
import { describeStoreModel } from '../contract/store-model.js';
import { StandaloneRedis } from '../fixtures/redis/standalone.js';
import { redisHarness } from './redis-harness.js';

describeStoreModel(
  'Redis',
  redisHarness(() => StandaloneRedis.start()),
  { numRuns: 25, atMostMs: 10_000 },
);
