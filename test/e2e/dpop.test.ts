// A client that we did not write proves its key to brokers by RFC 9449 alone: one with its own store, then two on one Redis.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import * as client from 'openid-client';
import { systemClock } from '../../src/domain/clock.js';
import { TOKEN_EXCHANGE, TOKEN_TYPE } from '../../src/wire/token.js';
import { TestBroker } from '../fixtures/broker.js';
import type { BrokerClient } from '../fixtures/broker-client.js';
import { BrokerFleet } from '../fixtures/broker-fleet.js';
import { Prover } from '../fixtures/prover.js';
import { hasRedis } from '../fixtures/redis/presence.js';
import { StandaloneRedis } from '../fixtures/redis/standalone.js';

interface Sent {
  readonly url: string;
  readonly dpop: string;
}

interface Stage {
  /** By what clients know it. */
  readonly issuer: string;
  readonly brokers: readonly BrokerClient[];
  close(): Promise<void>;
}

const STORES: [string, (terms: object) => Promise<Stage>, boolean][] = [
  [
    'the embedded store',
    async (terms) => {
      const broker = await TestBroker.start({ terms: { ...terms } });
      return { issuer: broker.url, brokers: [broker], close: () => broker.stop() };
    },
    true,
  ],
  [
    'two brokers on one Redis',
    async (terms) => {
      const redis = await StandaloneRedis.start();
      const fleet = await BrokerFleet.start({ count: 2, redis, terms: { ...terms } }).catch(async (error) => {
        // A server that is left behind would keep the run from its end.
        await redis.close();
        throw error;
      });
      return {
        issuer: fleet.brokers[0]!.url,
        brokers: fleet.brokers,
        close: async () => {
          await fleet.remove();
          await redis.close();
        },
      };
    },
    hasRedis,
  ],
];

describe.each(STORES)('openid-client with its DPoP handle, and %s', (_name, start, possible) => {
  (possible ? describe : describe.skip).each(['optional', 'required'] as const)('nonces: %s', (nonces) => {
    let stage: Stage;
    let config: client.Configuration;
    let DPoP: client.DPoPHandle;
    let jkt: string;
    const sent: Sent[] = [];

    beforeAll(async () => {
      stage = await start({ dpop: { nonces } });
      await stage.brokers[0]!.openTask({ id: 'run-1' });
      config = await client.discovery(new URL(stage.issuer), 'cluster/agent-1', undefined, client.None(), {
        algorithm: 'oauth2',
        execute: [client.allowInsecureRequests],
      });
      // As a load balancer would: each request goes to the next broker.
      let turn = 0;
      config[client.customFetch] = (url, options) => {
        const { url: at } = stage.brokers[turn++ % stage.brokers.length]!;
        const dpop = new Headers(options.headers).get('dpop') ?? '';
        sent.push({ url: url.replace(stage.issuer, at), dpop });
        return fetch(url.replace(stage.issuer, at), options as RequestInit);
      };
      const pair = await client.randomDPoPKeyPair('ES256');
      DPoP = client.getDPoPHandle(config, pair);
      jkt = await DPoP.calculateThumbprint();
    }, 60_000);
    afterAll(() => stage?.close());

    const exchange = () =>
      client.genericGrantRequest(
        config,
        TOKEN_EXCHANGE,
        {
          subject_token: stage.brokers[0]!.workloads.token('agent-1'),
          subject_token_type: TOKEN_TYPE.jwt,
          audience: 'crm',
          task_id: 'run-1',
        },
        { DPoP },
      );

    test('gets a credential of its key, which jose verifies, and introspection tells', async () => {
      const tokens = await exchange();
      expect(tokens.token_type).toBe('dpop');
      const keys = createRemoteJWKSet(new URL(config.serverMetadata().jwks_uri!));
      const { payload } = await jwtVerify(tokens.access_token, keys, { typ: 'at+jwt', issuer: stage.issuer });
      expect(payload['cnf']).toEqual({ jkt });
      for (const broker of stage.brokers)
        expect(await broker.introspect(tokens.access_token)).toMatchObject({ active: true, cnf: { jkt } });
    });

    test('goes to and fro between brokers, with a nonce of the one at the other', async () => {
      const before = sent.length;
      for (let n = 0; n < 6; n++) expect((await exchange()).token_type).toBe('dpop');
      // Challenged at the first exchange of all, and not again.
      expect(sent.length - before).toBe(6);
      expect(new Set(sent.map(({ dpop }) => dpop)).size).toBe(sent.length);
    });

    test('renews a lease that it proved its key for, and nobody else does', async () => {
      const { lease_id: lease } = (await exchange()) as unknown as { lease_id: string };
      const url = new URL(`${stage.issuer}/v1/leases/${lease}/renew`);
      const token = stage.brokers[0]!.workloads.token('agent-1');
      const renew = (handle: client.DPoPHandle) =>
        client.fetchProtectedResource(config, token, url, 'POST', null, new Headers(), { DPoP: handle });
      const answer = (await (await renew(DPoP)).json()) as { token_type: string; lease_id: string };
      expect(answer).toMatchObject({ token_type: 'DPoP', lease_id: lease });
      const other = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'));
      const refused = await renew(other).catch((error: unknown) => error);
      expect(refused).toMatchObject({ status: 401 });
    });

    test('of what it sent, nothing is taken a second time, by none of the brokers', async () => {
      const atToken = sent.filter(({ url, dpop }) => url.endsWith('/token') && dpop !== '');
      expect(atToken.length).toBeGreaterThan(6);
      for (const { dpop } of atToken) {
        for (const broker of stage.brokers) {
          const form = broker.exchangeForm('agent-1', { task_id: 'run-1', audience: 'crm' });
          const reply = await broker.call('POST', '/token', { form, headers: { dpop } });
          expect(reply.status).toBe(400);
        }
      }
    });

    test('one proof shown to every broker at the same moment, a hundred times over: each is taken once', async () => {
      const prover = new Prover(systemClock());
      const [first] = stage.brokers;
      const form = first!.exchangeForm('agent-1', { task_id: 'run-1', audience: 'crm' });
      const proof = (nonce?: string) =>
        prover.proof('POST', `${stage.issuer}/token`, { claims: { ...(nonce !== undefined && { nonce }) } });
      const show = (broker: BrokerClient, dpop: string) =>
        broker.call('POST', '/token', { form, headers: { dpop } });
      const nonce = (await show(first!, proof())).headers.get('dpop-nonce') ?? undefined;
      expect(nonce !== undefined).toBe(nonces === 'required');
      const everywhere = stage.brokers.length > 1 ? stage.brokers : [first!, first!];
      for (let n = 0; n < 100; n++) {
        const dpop = proof(nonce);
        const replies = await Promise.all(everywhere.map((broker) => show(broker, dpop)));
        expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([200, 400]));
      }
    }, 60_000);
  });
});
