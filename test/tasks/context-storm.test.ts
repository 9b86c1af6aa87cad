// Requests, signals and refusals at the same time, at two brokers: what a signal forbids is dead when it is answered.
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { Lease } from '../../src/domain/lease.js';
import type { TaskId } from '../../src/domain/ids.js';
import { Refusal } from '../../src/domain/refusal.js';
import { openRedisStore } from '../../src/store/redis/redis-store.js';
import type { Store } from '../../src/store/store.js';
import { extendTask } from '../../src/tasks/extend-task.js';
import { openTask } from '../../src/tasks/open-task.js';
import type { StoreHarness } from '../contract/store/harness.js';
import { TERMS } from '../contract/store/harness.js';
import { Scene } from '../contract/store/scene.js';
import { oneOf, randomFrom } from '../fixtures/random.js';
import { hasRedis } from '../fixtures/redis/presence.js';
import { StandaloneRedis } from '../fixtures/redis/standalone.js';
import { embeddedHarness } from '../store/embedded-harness.js';
import { QUIET, redisOptions } from '../store/redis-harness.js';
import { entryOf, ORCHESTRATOR, PolicyStage, rulesOf, TOOLS } from './policy-stage.js';

/** The web beside data only for as long as none is held, and neither the web nor the ledger after something odd. */
const POLICIES = `
permit (principal, action, resource);
forbid (principal is Agent, action, resource == Tool::"web") when { context.held.data.contains("internal") };
forbid (principal is Agent, action, resource == Tool::"crm") when { context.held.tools.contains("web") };
forbid (principal is Agent, action, resource == Tool::"web") when { context.signals.contains("anomaly") };
forbid (principal is Agent, action, resource == Tool::"ledger") when { context.signals.contains("anomaly") };
forbid (principal is Orchestrator, action, resource) when { context.signals.contains("stop") };`;
const FORBIDDEN = ['web', 'ledger'];
const ROUNDS = 6;
const AT_ONCE = 24;

let redis: StandaloneRedis;
beforeAll(async () => {
  if (hasRedis) redis = await StandaloneRedis.start();
});
afterAll(() => redis?.close());

const open: Store[] = [];
const shared: StoreHarness = {
  open: async (clock, terms) => {
    const store = await openRedisStore({ redis: redisOptions(redis), ...terms, clock, log: QUIET });
    open.push(store);
    return store;
  },
  crash: () => Promise.reject(new Error('nothing crashes here')),
  async close() {
    for (const store of open.splice(0)) await store.close();
    await redis?.flush();
  },
};
const embedded = embeddedHarness();
afterEach(async () => {
  await embedded.close();
  await shared.close();
});

async function stages(kind: 'embedded' | 'redis'): Promise<[here: PolicyStage, there: PolicyStage]> {
  const scene = await Scene.open(kind === 'redis' ? shared : embedded);
  const rules = await rulesOf(POLICIES, { web: { plane: 'tool', sensitivity: 'public' } });
  const other = kind === 'redis' ? await shared.open(scene.clock, TERMS) : scene.store;
  return [
    new PolicyStage(scene, rules, onALongWay(scene.store)),
    new PolicyStage(scene, rules, onALongWay(other)),
  ];
}

/** What was decided takes its time to be committed, so that much comes in between. */
const onALongWay = (store: Store): Store => ({
  ...store,
  issueLease: async (request, entry) => {
    await pause(3);
    return store.issueLease(request, entry);
  },
  reserveLease: async (request, entry) => {
    await pause(3);
    return store.reserveLease(request, entry);
  },
});
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const live = async ({ scene }: PolicyStage, task: string): Promise<Lease[]> =>
  (await scene.store.listLeases({ task, limit: 999 })).filter(({ state }) => state === 'active');

const onRedis = hasRedis ? describe : describe.skip;

for (const kind of ['embedded', 'redis'] as const) {
  (kind === 'redis' ? onRedis : describe)(`on ${kind}`, () => {
    test('nothing lives that a signal forbade, and never two that forbid each other', async () => {
      const random = randomFrom(Number(process.env['MAYFLY_SEED'] ?? 1));
      const both = await stages(kind);
      for (const { target } of both) target.beforeMint = () => pause(2);
      let issued = 0;
      for (let round = 0; round < ROUNDS; round++) {
        const id = `run-${round}`;
        const isOdd = round % 2 === 0;
        const forbidden = isOdd ? FORBIDDEN : [];
        await both[0].task(id);
        await both[0].task(`${id}.part`);
        const exchanges = Array.from({ length: AT_ONCE }, async (_, nth) => {
          const stage = oneOf(random, [...both]);
          const task = nth % 3 === 0 ? `${id}.part` : id;
          // A tool that is none is a refusal that counts, and so another version.
          const tool = nth % 5 === 4 ? 'none' : oneOf(random, [...TOOLS]);
          const result = await stage.exchange(task, tool);
          if (!(result instanceof Refusal)) issued++;
          else expect(result.reason).not.toBe('context_changed');
        });
        const signals = both.map(async (stage, nth) => {
          if (!isOdd) return;
          await pause(1 + 4 * nth);
          await stage.signal(nth === 0 ? id : `${id}.part`, 'anomaly');
          const alive = (await live(stage, id)).map(({ tool }) => tool);
          expect(alive.filter((tool) => forbidden.includes(tool))).toEqual([]);
        });
        await Promise.all([...exchanges, ...signals]);
        const tools = new Set((await live(both[0], id)).map(({ tool }) => tool));
        for (const tool of forbidden) expect(tools).not.toContain(tool);
        if (tools.has('web')) expect([...tools]).toEqual(['web']);
        expect(await both[0].scene.store.dueReviews(9, 0)).toEqual([]);
      }
      expect(issued).toBeGreaterThan(ROUNDS);
    });

    test('a task is opened, or gets more time, on what another broker was told a moment ago', async () => {
      const [here, there] = await stages(kind);
      await here.task('run');
      await there.granted('run', 'wiki');
      expect(await here.signal('run', 'stop')).toMatchObject({ added: true });
      const child = {
        id: 'run.part' as TaskId,
        parent: 'run' as TaskId,
        purpose: 'p',
        manifest: { agents: ['cluster/agent-1'], tools: [{ tool: 'wiki', actions: ['read'] }] },
        labels: {},
        ttlMs: 60_000,
      };
      expect(await openTask(there.broker, ORCHESTRATOR, child, entryOf('task.open'))).toMatchObject({
        reason: 'policy_denied',
      });
      await there.scene.store.recallContext('run' as TaskId);
      const longer = extendTask(
        there.broker,
        ORCHESTRATOR,
        'run' as TaskId,
        { ttlMs: 900_000 },
        entryOf('task.extend'),
      );
      expect(await longer).toMatchObject({ reason: 'policy_denied' });
    });
  });
}
