// Brokers die one after the other and two at a time, and Redis holds what they acknowledged.
import { describe, test } from '@jest/globals';
import { hasRedis } from '../fixtures/redis/presence.js';
import { StandaloneRedis } from '../fixtures/redis/standalone.js';
import { killBrokersOn } from './brokers-killed.js';

const KILLS = 16;
const LIMIT_MS = 90_000;

(hasRedis ? describe : describe.skip)('kill -9 of brokers on one Redis', () => {
  test(
    `${KILLS} times: nothing that was acknowledged is lost or undone, the others go on, no deadline is missed`,
    () => killBrokersOn(() => StandaloneRedis.start(), KILLS),
    LIMIT_MS,
  );
});
