// The Redis store on real servers, started for one test file. Each store has a prefix of its own; a crash is a broker
// whose connections break off, while the servers go on.
import { afterAll, beforeAll } from '@jest/globals';
import type { Clock } from '../../src/domain/clock.js';
import type { RedisOptions } from '../../src/store/redis/options.js';
import { openRedisStore } from '../../src/store/redis/redis-store.js';
import type { Store } from '../../src/store/store.js';
import type { StoreHarness, StoreTerms } from '../contract/store/harness.js';
import type { RedisDeployment } from '../fixtures/redis/deployment.js';

export const QUIET = { warn: () => {} };

export const redisOptions = (
  deployment: RedisDeployment,
  overrides: Partial<RedisOptions> = {},
): RedisOptions => ({
  ...deployment.options(),
  prefix: 'mayfly',
  minReplicas: 0,
  replicaTimeoutMs: 1_000,
  commandTimeoutMs: 4_000,
  dangerouslyWithoutAof: false,
  dangerouslyWithEviction: false,
  ...overrides,
});

export function redisHarness(
  start: () => Promise<RedisDeployment>,
  overrides: Partial<RedisOptions> = {},
): StoreHarness {
  let deployment: RedisDeployment;
  let stores = 0;
  const opened = new Map<Store, { prefix: string; terms: StoreTerms }>();

  beforeAll(async () => {
    deployment = await start();
  }, 60_000);
  afterAll(async () => {
    await deployment?.close();
  });

  const open = async (prefix: string, clock: Clock, terms: StoreTerms): Promise<Store> => {
    const redis = redisOptions(deployment, { ...overrides, prefix });
    const store = await openRedisStore({ redis, ...terms, clock, log: QUIET });
    opened.set(store, { prefix, terms });
    return store;
  };

  return {
    stories: 6,
    open: (clock, terms) => open(`mayfly-${++stores}`, clock, terms),
    async crash(store, clock) {
      const { prefix, terms } = opened.get(store)!;
      opened.delete(store);
      await store.close();
      return open(prefix, clock, terms);
    },
    beside(store, clock) {
      const { prefix, terms } = opened.get(store)!;
      return open(prefix, clock, terms);
    },
    async close() {
      for (const store of opened.keys()) await store.close();
      // What they left lies under prefixes of its own.
      opened.clear();
    },
  };
}
