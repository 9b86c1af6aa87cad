// Redis dies under load, dozens of times.
import { test } from '@jest/globals';
import { loseRedis } from './redis-lost.js';
import { masterReplaced, nodeReplaced, serverKilled } from './redis-losses.js';

const LIMIT_MS = 600_000;

test(
  '40 times kill -9 and a restart: nothing is lost',
  () => loseRedis({ ...serverKilled, rounds: 40 }),
  LIMIT_MS,
);
test(
  '12 failovers by sentinels with min_replicas: 1: no end is lost',
  () => loseRedis({ ...masterReplaced, rounds: 12 }),
  LIMIT_MS,
);
test(
  '12 failovers in a cluster with min_replicas: 1: no end is lost',
  () => loseRedis({ ...nodeReplaced, rounds: 12 }),
  LIMIT_MS,
);
