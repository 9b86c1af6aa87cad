// The store's contract on one Redis. On a cluster, where keys have slots, `npm test` has the model, and the long tests both.
import { describeStore } from '../contract/store.js';
import { StandaloneRedis } from '../fixtures/redis/standalone.js';
import { redisHarness } from './redis-harness.js';

describeStore(
  'Redis',
  redisHarness(() => StandaloneRedis.start()),
);
