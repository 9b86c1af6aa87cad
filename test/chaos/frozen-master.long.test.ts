// A master that froze, under sentinels and in a cluster.
import { describe, test } from '@jest/globals';
import { hasRedis } from '../fixtures/redis/presence.js';
import { inCluster, outlive, underSentinels } from './frozen-master.js';

const LIMIT_MS = 60_000;

(hasRedis ? describe : describe.skip)(
  'brokers leave a frozen master for its successor, and do not go back when it wakes up',
  () => {
    test('under sentinels', () => outlive(underSentinels), LIMIT_MS);
    test('in a cluster', () => outlive(inCluster), LIMIT_MS);
  },
);
