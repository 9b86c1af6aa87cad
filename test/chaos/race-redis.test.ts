// Invariant 1 with several brokers, on a cluster. The 2,000 tasks of each kind of Redis: race-redis.long.test.ts.
import { test } from '@jest/globals';
import { RedisCluster } from '../fixtures/redis/cluster.js';
import { hasRedis } from '../fixtures/redis/presence.js';
import { raceOn } from './race-redis.js';

const TASKS = 100;
const LIMIT_MS = 60_000;

(hasRedis ? test : test.skip)(
  'of tasks that are closed at one of three brokers while others issue, none gives anything after its close',
  () => raceOn(() => RedisCluster.start(), TASKS),
  LIMIT_MS,
);
