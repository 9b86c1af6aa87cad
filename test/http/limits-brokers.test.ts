// Limits of several brokers on one Redis: counts are soft by as much as docs/limits.md says, and free up at all of them.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { randomBytes, randomUUID } from 'node:crypto';
import { TestBroker } from '../fixtures/broker.js';
import { GENEROUS } from '../fixtures/broker-configuration.js';
import type { RedisDeployment } from '../fixtures/redis/deployment.js';
import { hasRedis } from '../fixtures/redis/presence.js';
import { StandaloneRedis } from '../fixtures/redis/standalone.js';
import { until } from '../fixtures/until.js';

const BROKERS = 2;
const MOST = 20;
const FREE_WITHIN_MS = 2000;

let redis: RedisDeployment;
let brokers: TestBroker[];
let sealKey: string | undefined;
/** Of the keys of one test. */
let prefix: string;

const oneOf = (n: number): TestBroker => brokers[n % BROKERS]!;
const exchange = (n: number, agent = 'agent-1', task = 'run-1') =>
  oneOf(n).exchange(agent, { task_id: task, audience: 'crm' });
const live = async (): Promise<number> => {
  const path = '/v1/leases?state=active&limit=200';
  return (await oneOf(0).get<{ leases: unknown[] }>(path, 'operator')).body.leases.length;
};

(hasRedis ? describe : describe.skip)('two brokers on one Redis', () => {
  beforeAll(async () => {
    sealKey = process.env['MAYFLY_SEAL_KEY'];
    process.env['MAYFLY_SEAL_KEY'] = randomBytes(32).toString('base64');
    redis = await StandaloneRedis.start();
  }, 30_000);
  afterAll(async () => {
    if (sealKey === undefined) delete process.env['MAYFLY_SEAL_KEY'];
    else process.env['MAYFLY_SEAL_KEY'] = sealKey;
    await redis?.close();
  });

  beforeEach(async () => {
    brokers = [];
    prefix = randomUUID();
    const limits = {
      ...GENEROUS,
      live_leases_per_agent: MOST,
      open_tasks_per_orchestrator: MOST,
      open_tasks_per_tree: 5,
      requests_per_principal: { per_second: 1000, burst: 1000 },
    };
    for (let n = 0; n < BROKERS; n++) {
      const store = { ...redis.storeTerms(), prefix };
      brokers.push(await TestBroker.start({ terms: { store, limits } }));
    }
  });
  afterEach(() => Promise.all(brokers.map((broker) => broker.stop())));

  test('let as many leases live as there may be, one more for each broker at the most, also in a race', async () => {
    await oneOf(0).openTask({ id: 'run-1' });
    for (let n = 0; n < 3 * MOST; n++) await exchange(n);
    await Promise.all(Array.from({ length: 100 }, (_, n) => exchange(n)));
    expect(await live()).toBeGreaterThanOrEqual(MOST);
    expect(await live()).toBeLessThanOrEqual(MOST + BROKERS);
  });

  test.each([
    ['was completed', (id: string) => oneOf(1).complete(id)],
    ['was killed', () => oneOf(1).kill({ agent: 'cluster/agent-1' })],
  ])('have room at the one within two seconds of what %s at the other', async (_how, end) => {
    await oneOf(0).openTask({ id: 'run-1' });
    await oneOf(0).openTask({ id: 'run-2' });
    for (let n = 0; n < MOST; n++) await exchange(0);
    expect((await exchange(0, 'agent-1', 'run-2')).status).toBe(429);
    await end('run-1');
    const since = performance.now();
    await until('there is room', async () => (await exchange(0, 'agent-1', 'run-2')).status === 200);
    expect(performance.now() - since).toBeLessThan(FREE_WITHIN_MS);
  });

  test('count open tasks together, and those of one tree exactly', async () => {
    await oneOf(0).openTask({ id: 'run-1' });
    const children = await Promise.all(
      Array.from({ length: 10 }, (_, n) => oneOf(n).openTask({ id: `run-1.c${n}`, parent: 'run-1' })),
    );
    expect(children.filter(({ status }) => status === 201)).toHaveLength(4);
    for (let n = 0; n < 3 * MOST; n++) await oneOf(n).openTask({ id: `more-${n}` });
    const path = '/v1/tasks?state=open&limit=200';
    const { tasks } = (await oneOf(0).get<{ tasks: unknown[] }>(path, 'operator')).body;
    expect(tasks.length).toBeGreaterThanOrEqual(MOST);
    expect(tasks.length).toBeLessThanOrEqual(MOST + BROKERS);
  });
});
