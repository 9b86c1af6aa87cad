// A master that froze, was replaced, and woke up still believing in itself: brokers follow its successor, and only that.
import { expect } from '@jest/globals';
import type { BrokerFleet } from '../fixtures/broker-fleet.js';
import type { BrokerProcess } from '../fixtures/broker-process.js';
import { RedisCluster } from '../fixtures/redis/cluster.js';
import type { RedisDeployment } from '../fixtures/redis/deployment.js';
import { SentinelRedis } from '../fixtures/redis/sentinel.js';
import { until } from '../fixtures/until.js';
import { scene } from './scene.js';

const TASKS = 40;

export interface Frozen<Redis extends RedisDeployment> {
  readonly start: () => Promise<Redis>;
  readonly store: object;
  /** Resolves when another has taken its place; answers what wakes it up. */
  readonly freeze: (redis: Redis) => Promise<() => void>;
}

export const underSentinels: Frozen<SentinelRedis> = {
  // Two, so that the one that is promoted has one to count on.
  start: () => SentinelRedis.start({ replicas: 2 }),
  store: { min_replicas: 1, replica_timeout: '300ms' },
  async freeze(redis) {
    const old = await redis.master();
    old.pause();
    await redis.promoted(old);
    return () => old.resume();
  },
};

export const inCluster: Frozen<RedisCluster> = {
  start: () => RedisCluster.start({ withReplicas: true }),
  store: {},
  async freeze(redis) {
    const [old] = await redis.masters();
    const replica = await redis.replicaOf(old!);
    old!.pause();
    const isMaster = async (): Promise<boolean> => (await replica.info('replication'))['role'] === 'master';
    await until('its replica has taken its place', isMaster, { withinMs: 20_000 });
    return () => old!.resume();
  },
};

export async function outlive<Redis extends RedisDeployment>({
  start,
  store,
  freeze,
}: Frozen<Redis>): Promise<void> {
  await scene(start, { count: 2, store: { command_timeout: '500ms', ...store } }, async (redis, fleet) => {
    const [first, second] = fleet.brokers as [BrokerProcess, BrokerProcess];
    const tokens = new Map<string, string>();
    for (let index = 0; index < TASKS; index++) {
      const id = `run-${index}`;
      await first.openTask({ id });
      const issued = await second.credential('agent-1', { task_id: id, audience: 'crm' });
      tokens.set(id, issued.access_token);
    }
    const wake = await freeze(redis);
    try {
      await fleet.ready();
    } finally {
      wake();
    }
    expect(await closeEach(fleet, tokens)).toEqual([]);
  });
}

/** Closes each at one, then asks the other: what it gives away after that. */
async function closeEach(fleet: BrokerFleet, tokens: ReadonlyMap<string, string>): Promise<string[]> {
  const [first, second] = fleet.brokers as [BrokerProcess, BrokerProcess];
  const wrong: string[] = [];
  for (const [id, token] of tokens) {
    await until(`the close of ${id} is acknowledged`, async () => (await first.complete(id)).status === 200);
    const reply = await second.exchange('agent-1', { task_id: id, audience: 'crm' });
    if (reply.status === 200) wrong.push(`issued for ${id}`);
    if ((await second.introspect(token)).active) wrong.push(`${id} is active`);
  }
  return wrong;
}
