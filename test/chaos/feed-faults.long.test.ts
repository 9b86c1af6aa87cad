// A verifier that was asleep for a minute.
import { describe, test } from '@jest/globals';
import { hasRedis } from '../fixtures/redis/presence.js';
import { StandaloneRedis } from '../fixtures/redis/standalone.js';
import { asleep, Stage } from './feed-faults.js';

const MINUTE_MS = 60_000;

(hasRedis ? describe : describe.skip)('never is what is dead accepted for longer than allowed', () => {
  test(
    'when the verifier was asleep for a minute',
    async () => {
      const stage = await Stage.open({ start: () => StandaloneRedis.start() });
      try {
        await asleep(stage, MINUTE_MS);
      } finally {
        await stage.close();
      }
    },
    2 * MINUTE_MS,
  );
});
