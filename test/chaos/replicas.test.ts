// What a kill is worth when its server is lost: with min_replicas: 1 it is refused or kept; without, the window is measured.
import { afterEach, describe, expect, test } from '@jest/globals';
import { systemClock } from '../../src/domain/clock.js';
import type { TaskId } from '../../src/domain/ids.js';
import type { Terms } from '../fixtures/broker-configuration.js';
import { BrokerFleet } from '../fixtures/broker-fleet.js';
import type { BrokerProcess } from '../fixtures/broker-process.js';
import { Workloads } from '../fixtures/broker-workloads.js';
import { crew } from '../fixtures/crew.js';
import { digested, Prover } from '../fixtures/prover.js';
import { hasRedis } from '../fixtures/redis/presence.js';
import { SentinelRedis } from '../fixtures/redis/sentinel.js';
import { until } from '../fixtures/until.js';
import { redisStore } from './record.js';

const TASKS = 100;
const HANDS = 8;
const LIMIT_MS = 60_000;

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

interface Scene {
  readonly redis: SentinelRedis;
  readonly fleet: BrokerFleet;
  readonly first: BrokerProcess;
  readonly second: BrokerProcess;
}

async function scene(store: object, terms: Terms = {}): Promise<Scene> {
  const redis = await SentinelRedis.start();
  ends.push(() => redis.close());
  const fleet = await BrokerFleet.start({
    count: 2,
    redis,
    store: { command_timeout: '1s', replica_timeout: '200ms', ...store },
    terms,
  });
  ends.push(() => fleet.remove());
  const [first, second] = fleet.brokers as [BrokerProcess, BrokerProcess];
  return { redis, fleet, first, second };
}

(hasRedis ? describe : describe.skip)('a replica', () => {
  test(
    'that is stopped makes a close answer 503 with min_replicas: 1, whoever is asked, until it is back; then the close is kept',
    async () => {
      const { redis, fleet, first, second } = await scene({ min_replicas: 1 });
      const [replica] = await redis.replicas();
      await first.openTask({ id: 'run-1' });
      await first.openTask({ id: 'run-2' });
      const { access_token: token, lease_id: lease } = await first.credential('agent-1', {
        task_id: 'run-1',
        audience: 'crm',
      });
      const { access_token: other } = await first.credential('agent-2', {
        task_id: 'run-2',
        audience: 'crm',
      });

      replica!.pause();
      expect((await first.complete('run-1')).status).toBe(503);
      // It is in force on the master already: what another broker is told of it is not safer for that.
      expect((await second.complete('run-1')).status).toBe(503);
      expect((await second.complete('run-1')).status).toBe(503);
      expect((await second.kill({ task: 'run-1' })).status).toBe(503);
      expect((await first.release(lease, 'agent-1')).status).toBe(503);
      expect((await second.kill({ agent: 'cluster/agent-2' })).status).toBe(503);
      expect((await second.kill({ agent: 'cluster/agent-2' })).status).toBe(503);
      replica!.resume();

      const closed = await until('the close is acknowledged', async () => {
        const reply = await second.complete('run-1');
        return reply.status === 503 ? undefined : reply;
      });
      expect(closed.status).toBe(200);
      const killed = await until('the kill is acknowledged', async () => {
        const reply = await first.kill({ agent: 'cluster/agent-2' });
        return reply.status === 503 ? undefined : reply;
      });
      expect(killed.status).toBe(202);
      const seenAlive = async (): Promise<string[]> => {
        const seen: string[] = [];
        for (const broker of fleet.brokers) {
          if ((await broker.introspect(token)).active) seen.push('run-1');
          if ((await broker.introspect(other)).active) seen.push('run-2');
          const late = await broker.exchange('agent-1', { task_id: 'run-1', audience: 'crm' });
          if (late.status === 200) seen.push('issued');
        }
        return seen;
      };
      expect(await seenAlive()).toEqual([]);

      // Nobody is left who could remember it for the store.
      for (const broker of fleet.brokers) await fleet.kill(broker);
      const old = await redis.master();
      await old.kill();
      await redis.promoted(old);
      await redis.rejoin(old);
      await Promise.all(fleet.brokers.map((broker) => fleet.restart(broker)));
      expect(await seenAlive()).toEqual([]);
    },
    LIMIT_MS,
  );

  test(
    'that is stopped holds back no kill because of the token or the proof that comes with it',
    async () => {
      const once = { name: 'once', issuer: 'https://once.example', one_time: true };
      const trusted = Workloads.trust('./workloads.jwks.json');
      const trust = [trusted, { ...trusted, ...once }];
      const { redis, first, fleet } = await scene({ min_replicas: 1 }, { trust });
      const [replica] = await redis.replicas();
      for (const id of ['run-1', 'run-2']) await first.openTask({ id });
      const prover = new Prover(systemClock());
      const bound = first.workloads.sign('operator', { cnf: { jkt: prover.jkt } });
      const complete = (id: string, authorization: string, claims: object = {}) => {
        const path = `/v1/tasks/${id}/complete`;
        const dpop = prover.proof('POST', `${fleet.brokers[0]!.url}${path}`, { claims: { ...claims } });
        return first.call('POST', path, { headers: { authorization, dpop } });
      };
      const used = first.workloads.sign('operator', { iss: once.issuer, jti: 'one' });

      replica!.pause();
      // Not acknowledged, as no replica has it; and in force.
      expect((await complete('run-1', `Bearer ${used}`)).status).toBe(503);
      expect((await complete('run-2', `DPoP ${bound}`, { ath: digested(bound) })).status).toBe(503);
      replica!.resume();
      for (const id of ['run-1', 'run-2']) {
        const task = await until('the broker answers', async () => {
          const reply = await first.get<{ closed_by?: string }>(`/v1/tasks/${id}`, 'operator');
          return reply.status === 200 ? reply.body : undefined;
        });
        expect(task.closed_by).toMatch(/\/operator$/);
      }
      expect((await complete('run-1', `Bearer ${used}`)).status).toBe(401);
    },
    LIMIT_MS,
  );

  test.each([
    ['cut off a moment before', true],
    ['following to the end', false],
  ])(
    `that takes over without min_replicas, %s: brokers write back what it lost of ${TASKS} closes, and nothing is revived`,
    async (_how, isCutOff) => {
      const { redis, fleet, first } = await scene({});
      const held = await closeTasks(fleet, isCutOff ? redis : undefined);
      const { lost, late } = await failOver(redis, fleet, held);
      const known = await redisStore(redis);
      const began = performance.now();
      const isOpen = async (id: string): Promise<boolean> =>
        (await known.readTask(id as TaskId))?.state === 'open';
      await fleet.ready();
      await until('every close is in the store again', async () => {
        for (const { id } of held) if (await isOpen(id)) return false;
        return true;
      });
      const ms = performance.now() - began;
      await known.close();
      const alive: string[] = [];
      await crew(HANDS, held, async ({ id, token }) => {
        if ((await first.introspect(token)).active) alive.push(id);
      });
      console.log(
        `${TASKS} closes were acknowledged without min_replicas, the replica ${_how}: the new master had lost ` +
          `${lost.length}; the brokers wrote back ${lost.length} of these within ${ms.toFixed(0)} ms of being ready; ` +
          `revived meanwhile: ${late.length}`,
      );
      expect({ alive, late }).toEqual({ alive: [], late: [] });
      if (isCutOff) expect(lost).toHaveLength(TASKS);
    },
    LIMIT_MS,
  );
});

interface Closed {
  readonly id: string;
  readonly token: string;
}

/** Each with a credential; all of them acknowledged. */
async function closeTasks(fleet: BrokerFleet, cutOff: SentinelRedis | undefined): Promise<Closed[]> {
  const [first, second] = fleet.brokers as [BrokerProcess, BrokerProcess];
  const held: Closed[] = [];
  await crew(HANDS, Array.from({ length: TASKS }).keys(), async (index) => {
    const id = `run-${index}`;
    await first.openTask({ id });
    const { access_token: token } = await second.credential('agent-1', { task_id: id, audience: 'crm' });
    held.push({ id, token });
  });
  for (const replica of (await cutOff?.replicas()) ?? []) await replica.cutOff();
  await crew(HANDS, held, async ({ id }) => {
    const { status, text } = await (Number(id.slice(4)) % 2 === 0 ? first : second).complete(id);
    if (status !== 200) throw new Error(`the close of ${id} was refused: ${text}`);
  });
  return held;
}

/** The brokers hold still while the replica takes over: what it lost is looked at before anybody writes it back. */
async function failOver(
  redis: SentinelRedis,
  fleet: BrokerFleet,
  held: readonly Closed[],
): Promise<{ lost: string[]; late: string[] }> {
  const old = await redis.master();
  await old.kill();
  for (const broker of fleet.brokers) broker.signal('SIGSTOP');
  await redis.promoted(old);
  const stranger = await redisStore(redis);
  const lost: string[] = [];
  for (const { id } of held) if ((await stranger.readTask(id as TaskId))?.state === 'open') lost.push(id);
  await stranger.close();

  // From the first moment on: no credential for a task that was closed, and none that is active.
  const late: string[] = [];
  const time = { isOver: false };
  const asking = fleet.brokers.map(async (broker) => {
    for (let index = 0; !time.isOver; index++) {
      const { id, token } = held[index % held.length]!;
      const reply = await broker.exchange('agent-2', { task_id: id, audience: 'crm' });
      if (reply.status === 200) late.push(`issued for ${id}`);
      if ((await broker.introspect(token)).active) late.push(`${id} is active`);
    }
  });
  for (const broker of fleet.brokers) broker.signal('SIGCONT');
  await fleet.ready();
  time.isOver = true;
  await Promise.all(asking);
  return { lost, late };
}
