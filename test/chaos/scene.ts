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
    const lines = log.split('\n');
    const warnings = lines.filter((line) => line.includes('"level":40'));
    const errors = lines.filter((line) => /"level":[56]0/.test(line));
    const last = [warnings, errors].flatMap((some) => some.slice(-MOST_COMPLAINTS));
    return [`${url} warned ${warnings.length} times, and complained ${errors.length} times:`, ...last];
  });
