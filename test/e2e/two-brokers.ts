// What two brokers as processes on one Redis owe to whoever asks: to be one.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import * as client from 'openid-client';
import { TOKEN_EXCHANGE, TOKEN_TYPE } from '../../src/wire/token.js';
import type { TaskList } from '../../src/wire/tasks.js';
import { BrokerFleet } from '../fixtures/broker-fleet.js';
import type { BrokerProcess } from '../fixtures/broker-process.js';
import type { RedisDeployment } from '../fixtures/redis/deployment.js';
import { hasRedis } from '../fixtures/redis/presence.js';
import { until } from '../fixtures/until.js';

/** By news; one that was missed is read within two beats. */
const NEWS_WITHIN_MS = 2000;

const exchange = (broker: BrokerProcess, task: string, agent = 'agent-1') =>
  broker.exchange(agent, { task_id: task, audience: 'crm' });
const credential = (broker: BrokerProcess, task: string, agent = 'agent-1') =>
  broker.credential(agent, { task_id: task, audience: 'crm' });
const isActive = async (broker: BrokerProcess, token: string): Promise<boolean> =>
  (await broker.introspect(token)).active;
const kids = async (broker: BrokerProcess): Promise<string[]> => {
  const { body } = await broker.call<{ keys: { kid: string }[] }>('GET', '/jwks');
  return body.keys.map(({ kid }) => kid);
};

export function describeTwoBrokers(form: string, start: () => Promise<RedisDeployment>): void {
  (hasRedis ? describe : describe.skip)(`two brokers on ${form}`, () => {
    let redis: RedisDeployment;
    let fleet: BrokerFleet;
    let first: BrokerProcess;
    let second: BrokerProcess;
    beforeAll(async () => {
      redis = await start();
      fleet = await BrokerFleet.start({ count: 2, redis });
      [first, second] = fleet.brokers as [BrokerProcess, BrokerProcess];
    }, 30_000);
    afterAll(async () => {
      await fleet?.remove();
      await redis?.close();
    });

    test('started at the same moment, they made one signing key between them', async () => {
      expect(await kids(first)).toHaveLength(1);
      expect(await kids(second)).toEqual(await kids(first));
    });

    test('a task that one opened is the other one’s too, and so are its credentials', async () => {
      expect((await first.openTask({ id: 'shared' })).status).toBe(201);
      expect((await second.openTask({ id: 'shared' })).status).toBe(200);
      expect((await second.openTask({ id: 'shared', purpose: 'another' })).status).toBe(409);
      const issued = await credential(second, 'shared');
      expect(await isActive(first, issued.access_token)).toBe(true);
      for (const { url } of fleet.brokers) {
        const keys = createRemoteJWKSet(new URL(`${url}/jwks`));
        const { payload } = await jwtVerify(issued.access_token, keys, {
          issuer: first.url,
          audience: 'https://crm.example',
          typ: 'at+jwt',
        });
        expect(payload['task_id']).toBe('shared');
      }
      const renewed = await first.renew(issued.lease_id, 'agent-1');
      expect(renewed.status).toBe(200);
      expect((await second.release(issued.lease_id, 'agent-1')).status).toBeLessThan(300);
      for (const { access_token: token } of [issued, renewed.body])
        expect(await isActive(first, token)).toBe(false);
    });

    test('a close at one is a close at the other, for the task and all below it (invariant 1)', async () => {
      await first.openTask({ id: 'tree' });
      await second.openTask({ id: 'tree.child', parent: 'tree' });
      const above = await credential(second, 'tree');
      const below = await credential(first, 'tree.child');
      expect((await first.complete('tree')).status).toBe(200);
      for (const broker of fleet.brokers) {
        expect(await isActive(broker, above.access_token)).toBe(false);
        expect(await isActive(broker, below.access_token)).toBe(false);
        expect((await exchange(broker, 'tree')).body.error).toBe('invalid_target');
        expect((await exchange(broker, 'tree.child')).body.error).toBe('invalid_target');
        expect((await broker.renew(below.lease_id, 'agent-1')).status).toBeGreaterThanOrEqual(400);
      }
      expect((await second.complete('tree')).status).toBe(200);
    });

    test('an agent that one kills and puts into quarantine gets nothing from the other, until it is lifted', async () => {
      await first.openTask({ id: 'wide-1' });
      await second.openTask({ id: 'wide-2' });
      const held = await Promise.all([
        credential(first, 'wide-1', 'agent-2'),
        credential(second, 'wide-2', 'agent-2'),
      ]);
      const other = await credential(second, 'wide-1', 'agent-3');
      expect((await first.kill({ agent: 'cluster/agent-2' }, { quarantine: true })).status).toBe(202);
      for (const broker of fleet.brokers) {
        for (const { access_token: token } of held) expect(await isActive(broker, token)).toBe(false);
        expect((await exchange(broker, 'wide-2', 'agent-2')).status).toBeGreaterThanOrEqual(400);
      }
      expect(await isActive(first, other.access_token)).toBe(true);
      const path = `/v1/quarantines/${encodeURIComponent('cluster/agent-2')}`;
      expect((await second.call('DELETE', path, { as: 'operator' })).status).toBe(200);
      const again = await credential(first, 'wide-2', 'agent-2');
      expect(await isActive(second, again.access_token)).toBe(true);
      expect(await isActive(second, held[1].access_token)).toBe(false);
    });

    test('a signing key that one kills signs nothing more at the other, and both publish its successor', async () => {
      await first.openTask({ id: 'keys' });
      const before = await credential(second, 'keys');
      const [killed] = await kids(first);
      expect((await first.kill({ key: killed })).status).toBe(202);
      const after = await credential(second, 'keys');
      expect(await isActive(second, before.access_token)).toBe(false);
      expect(await isActive(first, after.access_token)).toBe(true);
      for (const broker of fleet.brokers) {
        await until(
          'its successor is published alone',
          async () => {
            const published = await kids(broker);
            return published.length === 1 && published[0] !== killed;
          },
          { withinMs: NEWS_WITHIN_MS },
        );
      }
      expect(await kids(second)).toEqual(await kids(first));
    });

    test('a deadline is kept whoever looks, and told once', async () => {
      await first.openTask({ id: 'short', ttl: 3 });
      const issued = await credential(second, 'short');
      const told = await until('its end is on record', async () => {
        const events = await second.audit({ task: 'short' });
        const expiries = events.filter(({ action }) => action === 'task.expire');
        return expiries.length > 0 ? expiries : undefined;
      });
      expect(told).toHaveLength(1);
      expect(await isActive(first, issued.access_token)).toBe(false);
      expect((await exchange(second, 'short')).status).toBe(400);
      const { body } = await first.get<TaskList>('/v1/tasks?state=open&tree=short', 'operator');
      expect(body.tasks).toEqual([]);
    });

    test('what one answered, the other has on record (invariant 7)', async () => {
      const opened = await first.openTask({ id: 'told' });
      const issued = await exchange(second, 'told');
      for (const broker of fleet.brokers) {
        expect(await broker.auditOf(opened)).toMatchObject([{ action: 'task.open', task_id: 'told' }]);
        expect(await broker.auditOf(issued)).toMatchObject([
          { action: 'token.exchange', lease_id: issued.body.lease_id },
        ]);
      }
    });

    test('a client that we did not write gets on with them by the standards alone', async () => {
      await second.openTask({ id: 'standard' });
      const discover = (sub: string, auth: client.ClientAuth) =>
        client.discovery(new URL(first.url), `cluster/${sub}`, undefined, auth, {
          algorithm: 'oauth2',
          execute: [client.allowInsecureRequests],
        });
      const agent = await discover('agent-1', client.None());
      const verifier = await discover('crm-api', (_as, _client, _body, headers) =>
        headers.set('authorization', `Bearer ${first.workloads.token('crm-api')}`),
      );
      const tokens = await client.genericGrantRequest(agent, TOKEN_EXCHANGE, {
        subject_token: first.workloads.token('agent-1'),
        subject_token_type: TOKEN_TYPE.jwt,
        task_id: 'standard',
        audience: 'crm',
      });
      const introspect = () => client.tokenIntrospection(verifier, tokens.access_token);
      expect(await introspect()).toMatchObject({ active: true, task_id: 'standard', tool: 'crm' });
      await second.complete('standard');
      expect(await introspect()).toEqual({ active: false });
    });

    test('one that is told to end ends with exit code 0; the other goes on, and it finds everything again', async () => {
      await first.openTask({ id: 'ending' });
      const issued = await credential(first, 'ending');
      expect(await first.end('SIGTERM')).toEqual({ code: 0, signal: null });
      expect(await isActive(second, issued.access_token)).toBe(true);
      const while1 = await credential(second, 'ending');
      await fleet.restart(first);
      expect(await isActive(first, while1.access_token)).toBe(true);
      expect((await first.complete('ending')).status).toBe(200);
      for (const { access_token: token } of [issued, while1])
        expect(await isActive(second, token)).toBe(false);
    });
  });
}
