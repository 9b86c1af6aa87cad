// Redis dies under load, dozens of times.
import { test } from '@jest/globals';
import { loseRedis } from './redis-lost.js';
import {
  masterReplaced,
  nodeReplaced,
  serverEmptied,
  serverKilled,
  serverRestored,
  serverStalled,
} from './redis-losses.js';

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
test(
  '12 times held still for longer than a call may take: nothing is lost, and nothing is done twice',
  () => loseRedis({ ...serverStalled, rounds: 12 }),
  LIMIT_MS,
);
test(
  '12 times emptied: what brokers saw end stays dead',
  () => loseRedis({ ...serverEmptied, rounds: 12 }),
  LIMIT_MS,
);
test(
  '12 times put back to an older backup: what brokers saw end stays dead',
  () => loseRedis({ ...serverRestored, rounds: 12 }),
  LIMIT_MS,
);
