// The race at three brokers on one Redis: whoever is asked, a close that one of them acknowledged holds at all of them.
import { expect } from '@jest/globals';
import type { RedisDeployment } from '../fixtures/redis/deployment.js';
import { judge, race, told } from './race-story.js';
import { redisRecord } from './record.js';
import { scene } from './scene.js';

const BROKERS = 3;

export function raceOn(start: () => Promise<RedisDeployment>, tasks: number): Promise<void> {
  return scene(start, { count: BROKERS }, async (redis, fleet) => {
    const seed = Date.now() >>> 0;
    const seen = await race({ tasks, broker: (random) => fleet.oneOf(random), seed });
    const events = await redisRecord(redis);
    console.log(`${BROKERS} brokers on one Redis (${redis.mode}): ${told(seen, tasks, events, seed)}`);
    expect(judge(seen, events)).toEqual({
      late: [],
      alive: [],
      after: [],
      closed: tasks,
      unaccounted: [0, 0],
    });
    expect(seen.sentAfterClose).toBeGreaterThanOrEqual(tasks * 2);
    expect(seen.exchanged).toBeGreaterThan(tasks);
  });
}
