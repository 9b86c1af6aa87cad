// A Redis and brokers on it, for as long as something is done with them; when that fails, what the brokers complained of.
import type { FleetTerms } from '../fixtures/broker-fleet.js';
import { BrokerFleet } from '../fixtures/broker-fleet.js';
import type { RedisDeployment } from '../fixtures/redis/deployment.js';

const MOST_COMPLAINTS = 5;

export async function scene<Redis extends RedisDeployment>(
  start: () => Promise<Redis>,
  terms: Omit<FleetTerms, 'redis'>,
  work: (redis: Redis, fleet: BrokerFleet) => Promise<void>,
): Promise<void> {
  const redis = await start();
  let fleet: BrokerFleet | undefined;
  try {
    fleet = await BrokerFleet.start({ ...terms, redis });
    await work(redis, fleet);
  } catch (error) {
    if (fleet) console.log(complaints(fleet).join('\n'));
    throw error;
  } finally {
    await fleet?.remove();
    await redis.close();
  }
}

/** The last errors that each broker logged: a caller is told no more than that something went wrong. */
const complaints = (fleet: BrokerFleet): string[] =>
  fleet.brokers.flatMap(({ url, log }) => {
    const errors = log
      .split('\n')
      .filter((line) => line.includes('"level":50') || line.includes('"level":60'));
    return [`${url} complained of ${errors.length}:`, ...errors.slice(-MOST_COMPLAINTS)];
  });
