// What the broker of a benchmark keeps its state in: a file, a Redis, or a cluster; and the store port on the same state.
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { pino } from 'pino';
import type { Clock } from '../../src/domain/clock.js';
import { systemClock } from '../../src/domain/clock.js';
import { DAY_MS, MINUTE_MS } from '../../src/domain/duration.js';
import { openEmbeddedStore } from '../../src/store/embedded/embedded-store.js';
import { openRedisStore } from '../../src/store/redis/redis-store.js';
import type { Retention, Store } from '../../src/store/store.js';
import type { Worker } from './contender.js';
import type { StoreKind } from './options.js';
import type { Redis } from './redis.js';
import { startRedis } from './redis.js';

export interface BenchStore {
  /** As it stands in a broker's configuration. */
  readonly yaml: string;
  /** Of every broker on it. */
  readonly env: { readonly MAYFLY_SEAL_KEY: string };
  readonly redis?: Redis;
  /** Processes beside the broker's, if there are any. */
  readonly keepers: readonly Worker[];
  /** The same state through the store's port. Of the embedded store, while no broker has it open. */
  open(terms?: { retention?: Partial<Retention>; clock?: Clock }): Promise<Store>;
  stop(): Promise<void>;
}

/** What keys begin with where the configuration says nothing else. */
export const PREFIX = 'mayfly';
export const CLOCK_SKEW_MS = MINUTE_MS;
const RETENTION: Retention = { taskMs: 30 * DAY_MS, leaseMs: DAY_MS, auditMs: 90 * DAY_MS };

export async function startStore(kind: StoreKind, folder: string, name: string): Promise<BenchStore> {
  const env = { MAYFLY_SEAL_KEY: randomBytes(32).toString('base64') };
  if (kind === 'embedded') {
    const file = path.join(folder, `${name}.db`);
    return {
      yaml: JSON.stringify({ kind, path: file }),
      env,
      keepers: [],
      open: async ({ retention, clock = systemClock() } = {}) =>
        openEmbeddedStore({
          path: file,
          clock,
          retention: { ...RETENTION, ...retention },
          clockSkewMs: CLOCK_SKEW_MS,
        }),
      stop: async () => {},
    };
  }
  const redis = await startRedis(kind);
  return {
    yaml: JSON.stringify(redis.deployment.storeTerms()),
    env,
    redis,
    keepers: [redis],
    open: ({ retention, clock } = {}) =>
      openRedisStore({
        redis: {
          ...redis.deployment.options(),
          prefix: PREFIX,
          minReplicas: 0,
          replicaTimeoutMs: 1000,
          commandTimeoutMs: 5000,
          dangerouslyWithoutAof: false,
          dangerouslyWithEviction: false,
        },
        retention: { ...RETENTION, ...retention },
        clockSkewMs: CLOCK_SKEW_MS,
        log: pino({ level: 'warn' }),
        ...(clock && { clock }),
      }),
    stop: () => redis.stop(),
  };
}
