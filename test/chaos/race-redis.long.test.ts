// The race of three brokers in full: 2,000 tasks on one Redis, on a cluster, and under sentinels.
import { test } from '@jest/globals';
import { RedisCluster } from '../fixtures/redis/cluster.js';
import { SentinelRedis } from '../fixtures/redis/sentinel.js';
import { StandaloneRedis } from '../fixtures/redis/standalone.js';
import { raceOn } from './race-redis.js';

const TASKS = 2000;
const LIMIT_MS = 300_000;

test.each([
  ['standalone', () => StandaloneRedis.start()],
  ['cluster', () => RedisCluster.start()],
  ['sentinel', () => SentinelRedis.start()],
])(
  `of ${TASKS} tasks that are closed at one broker while others issue, none gives anything after its close: %s`,
  (_mode, start) => raceOn(start, TASKS),
  LIMIT_MS,
);
