// Brokers die one after the other and two at a time, and Redis holds what they acknowledged.
import { describe, expect, test } from '@jest/globals';
import { hasRedis } from '../fixtures/redis/presence.js';
import { StandaloneRedis } from '../fixtures/redis/standalone.js';
import { until } from '../fixtures/until.js';
import { killBrokersOn } from './brokers-killed.js';
import { redisStore } from './record.js';
import { scene } from './scene.js';

const KILLS = 3;
const LIMIT_MS = 90_000;
/** Who hears of no opening looks every half second. */
const MOST_LATE_MS = 1500;

(hasRedis ? describe : describe.skip)('kill -9 of brokers on one Redis', () => {
  test(
    `${KILLS} times: nothing that was acknowledged is lost or undone, the others go on, no deadline is missed`,
    () => killBrokersOn(() => StandaloneRedis.start(), KILLS),
    LIMIT_MS,
  );

  test(
    'a deadline that only a dead broker had heard of is kept by another that nobody asks anything',
    () =>
      scene(
        () => StandaloneRedis.start(),
        { count: 2 },
        async (redis, fleet) => {
          const [first, second] = fleet.brokers;
          const { body: task } = await first!.openTask({ id: 'orphan', ttl: 8 });
          await first!.credential('agent-1', { task_id: 'orphan', audience: 'crm' });
          await fleet.kill(first!);
          // By looking at the store itself: to ask the broker would wake it.
          const store = await redisStore(redis);
          const told = await until(
            'its end is on record',
            async () => {
              const events = await store.auditEvents({ task: 'orphan', limit: 10 });
              return events.find(({ action }) => action === 'task.expire');
            },
            { withinMs: 30_000 },
          );
          await store.close();
          expect(told.at - Date.parse(task.deadline)).toBeLessThan(MOST_LATE_MS);
          expect((await second!.get('/v1/tasks/orphan', 'planner')).body).toMatchObject({
            outcome: 'expired',
          });
        },
      ),
    LIMIT_MS,
  );
});
