// The deny lists of several brokers on one Redis: they write one role in turn, and nothing that one killed comes back by another.
import type { IAMClient } from '@aws-sdk/client-iam';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { MINUTE_MS } from '../../../src/domain/duration.js';
import { documentsOf } from '../../../src/minters/aws-sts/deny-document.js';
import { DenyList } from '../../../src/minters/aws-sts/deny-list.js';
import { RolePolicies } from '../../../src/minters/aws-sts/role-policies.js';
import { openRedisStore } from '../../../src/store/redis/redis-store.js';
import type { Store } from '../../../src/store/store.js';
import { TERMS } from '../../contract/store/harness.js';
import { IamMemory } from '../../fixtures/iam-memory.js';
import { hasRedis } from '../../fixtures/redis/presence.js';
import { StandaloneRedis } from '../../fixtures/redis/standalone.js';
import { QUIET, redisOptions } from '../../store/redis-harness.js';

const ROLE = 'reader';
const BROKERS = 3;
const KILLS = 40;

let redis: StandaloneRedis;
let stores: Store[] = [];
let iam: IamMemory;

const broker = (): Promise<Store> => openRedisStore({ redis: redisOptions(redis), ...TERMS, log: QUIET });

beforeAll(async () => {
  if (hasRedis) redis = await StandaloneRedis.start();
});
afterAll(() => redis?.close());
beforeEach(async () => {
  iam = new IamMemory();
  if (hasRedis) stores = await Promise.all(Array.from({ length: BROKERS }, broker));
});
afterEach(async () => {
  for (const store of stores) await store.close();
  await redis?.flush();
});

const listOn = (store: Store): DenyList =>
  new DenyList({
    policies: new RolePolicies(iam as unknown as IAMClient, 5_000),
    store: store.denials,
    clock: { now: Date.now },
    pause: (ms) => new Promise((resolve) => setTimeout(resolve, Math.min(ms, 2))),
    onCutOff: () => {},
  });

const denied = (index: number) => ({
  session: `lease_${String(index).padStart(28, '0')}`,
  mintedBy: Date.now(),
  until: Date.now() + 10 * MINUTE_MS,
});
const deniedAtRole = (): string[] => {
  const documents = documentsOf([...iam.policies].map(([name, text]) => ({ name, text }))).ours;
  return [...new Set(documents.flatMap(({ entries }) => [...entries]))].toSorted();
};
const named = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${iam.roleId}:${denied(index).session}`);

(hasRedis ? describe : describe.skip)('deny lists of several brokers', () => {
  test('deny all of 40 that are killed at once on one role, and one document is left of it', async () => {
    const lists = stores.map(listOn);
    await Promise.all(
      Array.from({ length: KILLS }, (_, index) => lists[index % BROKERS]!.kill(ROLE, denied(index))),
    );
    expect(deniedAtRole()).toEqual(named(KILLS));
    await lists[0]!.tidy(ROLE);
    expect(deniedAtRole()).toEqual(named(KILLS));
    expect(iam.policies.size).toBe(1);
  });

  test('deny what the role denied before, although the store lost everything and no broker is left that knew', async () => {
    const first = listOn(stores[0]!);
    for (let index = 0; index < 3; index++) await first.kill(ROLE, denied(index));
    for (const store of stores.splice(0)) await store.close();
    await redis.flush();
    stores = [await broker()];
    const next = listOn(stores[0]!);
    await next.kill(ROLE, denied(3));
    await next.tidy(ROLE);
    expect(deniedAtRole()).toEqual(named(4));
  });

  test('deny what was killed, although the store lost everything between two kills under running brokers', async () => {
    const lists = stores.map(listOn);
    for (let index = 0; index < 12; index++) {
      if (index % 4 === 3) await redis.flush();
      await lists[index % BROKERS]!.kill(ROLE, denied(index));
      expect(deniedAtRole()).toEqual(named(index + 1));
    }
  });
});
