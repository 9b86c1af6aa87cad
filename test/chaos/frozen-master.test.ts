// A master that froze, under sentinels. In a cluster: frozen-master.long.test.ts.
import { describe, test } from '@jest/globals';
import { hasRedis } from '../fixtures/redis/presence.js';
import { underSentinels, outlive } from './frozen-master.js';

const LIMIT_MS = 60_000;

(hasRedis ? describe : describe.skip)(
  'brokers leave a frozen master for its successor, and do not go back when it wakes up',
  () => {
    test('under sentinels', () => outlive(underSentinels), LIMIT_MS);
  },
);
