// Redis dies under load: it comes back from its file, or its replica takes over, and no end that was acknowledged is lost.
// The same in a cluster, and much more often: redis-lost.long.test.ts.
import { describe, test } from '@jest/globals';
import { hasRedis } from '../fixtures/redis/presence.js';
import { loseRedis } from './redis-lost.js';
import { masterReplaced, serverKilled } from './redis-losses.js';

const LIMIT_MS = 90_000;

(hasRedis ? describe : describe.skip)('when Redis goes away under load', () => {
  test(
    'kill -9 and a restart lose nothing; brokers are unready meanwhile, and come back by themselves',
    () => loseRedis({ ...serverKilled, rounds: 1 }),
    LIMIT_MS,
  );

  test(
    'with min_replicas: 1, a failover by sentinels loses no end, and nothing is issued after one',
    () => loseRedis({ ...masterReplaced, rounds: 1 }),
    LIMIT_MS,
  );
});
