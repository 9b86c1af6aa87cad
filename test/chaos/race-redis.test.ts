// Invariant 1 with several brokers, on one Redis and on a cluster. The 2,000 tasks of each: race-redis.long.test.ts.
import { describe, test } from '@jest/globals';
import { RedisCluster } from '../fixtures/redis/cluster.js';
import { hasRedis } from '../fixtures/redis/presence.js';
import { StandaloneRedis } from '../fixtures/redis/standalone.js';
import { raceOn } from './race-redis.js';

const TASKS = 100;
const LIMIT_MS = 60_000;

(hasRedis ? describe : describe.skip)('three brokers on one Redis', () => {
  test.each([
    ['standalone', () => StandaloneRedis.start()],
    ['cluster', () => RedisCluster.start()],
  ])(
    'of tasks that are closed at one broker while others issue, none gives anything after its close: %s',
    (_mode, start) => raceOn(start, TASKS),
    LIMIT_MS,
  );
});
