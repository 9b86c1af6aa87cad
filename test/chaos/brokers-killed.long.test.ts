// kill -9 of brokers, a hundred times each on one Redis and on a cluster.
import { test } from '@jest/globals';
import { RedisCluster } from '../fixtures/redis/cluster.js';
import { StandaloneRedis } from '../fixtures/redis/standalone.js';
import { killBrokersOn } from './brokers-killed.js';

const KILLS = 100;
const LIMIT_MS = 300_000;

test.each([
  ['standalone', () => StandaloneRedis.start()],
  ['cluster', () => RedisCluster.start()],
])(
  `${KILLS} times: nothing that was acknowledged is lost or undone, the others go on, no deadline is missed: %s`,
  (_mode, start) => killBrokersOn(start, KILLS),
  LIMIT_MS,
);
