// What a kill is worth when its server is lost: with min_replicas: 1 it is refused or kept; without, the window is measured.
import { afterEach, describe, expect, test } from '@jest/globals';
import { systemClock } from '../../src/domain/clock.js';
import type { Terms } from '../fixtures/broker-configuration.js';
import { Workloads } from '../fixtures/broker-workloads.js';
import { digested, Prover } from '../fixtures/prover.js';
import { hasRedis } from '../fixtures/redis/presence.js';
import { until } from '../fixtures/until.js';
import type { Scene } from './followed-scene.js';
import { followedScene } from './followed-scene.js';
import { TASKS, takeOver } from './take-over.js';

const LIMIT_MS = 60_000;

let scene: Scene | undefined;
afterEach(() => scene?.end());
const begin = async (store: object, terms: Terms = {}): Promise<Scene> =>
  (scene = await followedScene(store, terms));

(hasRedis ? describe : describe.skip)('a replica', () => {
  test(
    'that is stopped makes a close answer 503 with min_replicas: 1, whoever is asked, until it is back; then the close is kept',
    async () => {
      const { redis, fleet, first, second } = await begin({ min_replicas: 1 });
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
      const { redis, first, fleet } = await begin({ min_replicas: 1 }, { trust });
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

  test(
    `that takes over without min_replicas, cut off a moment before: brokers write back what it lost of ${TASKS} closes, and nothing is revived`,
    async () => takeOver(await begin({}), true),
    LIMIT_MS,
  );
});
