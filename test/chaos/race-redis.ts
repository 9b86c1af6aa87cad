// The race at three brokers on one Redis: whoever is asked, a close that one of them acknowledged holds at all of them.
import { expect } from '@jest/globals';
import { BrokerFleet } from '../fixtures/broker-fleet.js';
import type { RedisDeployment } from '../fixtures/redis/deployment.js';
import { judge, race, told } from './race-story.js';
import { redisRecord } from './record.js';

const BROKERS = 3;

/** Starts the Redis, and ends it and the brokers, whatever comes of the race. */
export async function raceOn(start: () => Promise<RedisDeployment>, tasks: number): Promise<void> {
  const seed = Date.now() >>> 0;
  const redis = await start();
  let fleet: BrokerFleet | undefined;
  try {
    fleet = await BrokerFleet.start({ count: BROKERS, redis });
    const at = fleet;
    const seen = await race({ tasks, broker: (random) => at.oneOf(random), seed });
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
  } finally {
    await fleet?.remove();
    await redis.close();
  }
}
