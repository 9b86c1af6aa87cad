// Two brokers on one master under sentinels, with a replica: for what becomes of kills when the master is lost.
import type { Terms } from '../fixtures/broker-configuration.js';
import { BrokerFleet } from '../fixtures/broker-fleet.js';
import type { BrokerProcess } from '../fixtures/broker-process.js';
import { SentinelRedis } from '../fixtures/redis/sentinel.js';

export interface Scene {
  readonly redis: SentinelRedis;
  readonly fleet: BrokerFleet;
  readonly first: BrokerProcess;
  readonly second: BrokerProcess;
  end(): Promise<void>;
}

export async function followedScene(store: object, terms: Terms = {}): Promise<Scene> {
  const redis = await SentinelRedis.start();
  const fleet = await BrokerFleet.start({
    count: 2,
    redis,
    store: { command_timeout: '1s', replica_timeout: '200ms', ...store },
    terms,
  }).catch(async (error: unknown) => {
    await redis.close();
    throw error;
  });
  const [first, second] = fleet.brokers as [BrokerProcess, BrokerProcess];
  const end = async (): Promise<void> => {
    await fleet.remove();
    await redis.close();
  };
  return { redis, fleet, first, second, end };
}
