// The ways in which Redis goes away, and comes back.
import { cpSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { oneOf } from '../fixtures/random.js';
import { RedisCluster } from '../fixtures/redis/cluster.js';
import { SentinelRedis } from '../fixtures/redis/sentinel.js';
import { StandaloneRedis } from '../fixtures/redis/standalone.js';
import { until } from '../fixtures/until.js';
import type { Loss } from './redis-lost.js';

/** kill -9, and the same server again on what its append-only file holds. */
export const serverKilled: Omit<Loss<StandaloneRedis>, 'rounds'> = {
  start: () => StandaloneRedis.start({ appendfsync: 'always' }),
  isGone: true,
  async lose({ server }) {
    await server.kill();
    return () => server.restart();
  },
};

/** It holds still for longer than a call may take: what was sent to it is done afterwards, and was said again meanwhile. */
export const serverStalled: Omit<Loss<StandaloneRedis>, 'rounds'> = {
  start: () => StandaloneRedis.start(),
  isGone: true,
  async lose({ server }) {
    server.pause();
    return async () => {
      server.resume();
    };
  },
};

/** Everything is gone, and the server goes on as if nothing was. */
export const serverEmptied: Omit<Loss<StandaloneRedis>, 'rounds'> = {
  start: () => StandaloneRedis.start(),
  mayForget: true,
  mayForgetRecord: true,
  async lose(redis) {
    await redis.flush();
    return async () => {};
  },
};

/** It comes back as it was when it died the last time, which is what a backup is. */
export const serverRestored: Omit<Loss<StandaloneRedis>, 'rounds'> = {
  start: () => StandaloneRedis.start(),
  mayForget: true,
  mayForgetRecord: true,
  isGone: true,
  async lose({ server }) {
    await server.kill();
    const data = join(server.folder, 'appendonlydir');
    const [now, backup] = [join(server.folder, 'now'), join(server.folder, 'backup')];
    cpSync(data, now, { recursive: true });
    if (existsSync(backup)) {
      rmSync(data, { recursive: true });
      cpSync(backup, data, { recursive: true });
      rmSync(backup, { recursive: true });
    }
    cpSync(now, backup, { recursive: true });
    rmSync(now, { recursive: true });
    return () => server.restart();
  },
};

const KEPT_BY_A_REPLICA = { min_replicas: 1, replica_timeout: '300ms' };

/** The master dies for good, the sentinels promote its replica, and a new replica follows that one. */
export const masterReplaced: Omit<Loss<SentinelRedis>, 'rounds'> = {
  start: () => SentinelRedis.start(),
  store: KEPT_BY_A_REPLICA,
  mayForget: true,
  async lose(redis) {
    const old = await redis.master();
    await old.kill();
    return async () => {
      await redis.promoted(old);
      await redis.rejoin(old);
    };
  },
};

/** One of the cluster's masters dies, its replica takes over, and the old one follows it. */
export const nodeReplaced: Omit<Loss<RedisCluster>, 'rounds'> = {
  start: () => RedisCluster.start({ withReplicas: true }),
  store: KEPT_BY_A_REPLICA,
  mayForget: true,
  async lose(redis, random) {
    const old = oneOf(random, await redis.masters());
    const replica = await redis.replicaOf(old);
    await old.kill();
    return async () => {
      await until('the replica is a master', async () => (await redis.masters()).includes(replica), {
        withinMs: 20_000,
      });
      await old.restart();
      await redis.ready();
    };
  },
};
