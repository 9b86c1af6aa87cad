// The store's contract on one Redis: what a cluster keeps at every `npm test`.
import { describeStore } from '../contract/store.js';
import { StandaloneRedis } from '../fixtures/redis/standalone.js';
import { redisHarness } from './redis-harness.js';

describeStore(
  'Redis',
  redisHarness(() => StandaloneRedis.start()),
);
