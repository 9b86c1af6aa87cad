// A client that we did not write gets on with the broker by the standards alone: openid-client, and jose for the tokens.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import * as client from 'openid-client';
import { TOKEN_EXCHANGE, TOKEN_TYPE } from '../../src/wire/token.js';
import { TestBroker } from '../fixtures/broker.js';

let broker: TestBroker;
beforeAll(async () => {
  broker = await TestBroker.start();
});
afterAll(() => broker.stop());

/** How this broker knows callers of introspection and revocation: by their workload token. */
const bearer =
  (sub: string): client.ClientAuth =>
  (_as, _client, _body, headers) =>
    headers.set('authorization', `Bearer ${broker.workloads.token(sub)}`);

const discover = (algorithm: 'oauth2' | 'oidc', sub: string, auth: client.ClientAuth = bearer(sub)) =>
  client.discovery(new URL(broker.url), `cluster/${sub}`, undefined, auth, {
    algorithm,
    execute: [client.allowInsecureRequests],
  });

const exchange = (config: client.Configuration, more: Record<string, string> = {}) =>
  client.genericGrantRequest(config, TOKEN_EXCHANGE, {
    subject_token: broker.workloads.token('agent-1'),
    subject_token_type: TOKEN_TYPE.jwt,
    audience: 'crm',
    ...more,
  });

describe.each(['oauth2', 'oidc'] as const)('openid-client with discovery by %s', (algorithm) => {
  const task = `run-${algorithm}`;
  let agent: client.Configuration;
  let verifier: client.Configuration;

  beforeAll(async () => {
    await broker.openTask({ id: task });
    // The token endpoint needs no client authentication: the subject token is the proof.
    agent = await discover(algorithm, 'agent-1', client.None());
    verifier = await discover(algorithm, 'crm-api');
  });

  test('finds what the broker is', () => {
    expect(agent.serverMetadata()).toMatchObject({
      issuer: broker.url,
      token_endpoint: `${broker.url}/token`,
    });
  });

  test('exchanges a token, which jose verifies as an RFC 9068 access token', async () => {
    const tokens = await exchange(agent, { task_id: task, scope: 'read' });
    expect(tokens).toMatchObject({
      token_type: 'bearer',
      issued_token_type: TOKEN_TYPE.accessToken,
      scope: 'read',
      task_id: task,
    });
    expect(tokens.expiresIn()).toBeGreaterThan(290);
    const keys = createRemoteJWKSet(new URL(agent.serverMetadata().jwks_uri!));
    const { payload } = await jwtVerify(tokens.access_token, keys, {
      typ: 'at+jwt',
      issuer: broker.url,
      audience: 'https://crm.example',
      algorithms: ['ES256'],
      requiredClaims: ['iss', 'exp', 'aud', 'sub', 'client_id', 'iat', 'jti'],
    });
    expect(payload).toMatchObject({
      sub: 'cluster/agent-1',
      client_id: 'cluster/agent-1',
      scope: 'read',
      task_id: task,
    });
  });

  test('introspects: alive, given back, dead', async () => {
    const tokens = await exchange(agent, { task_id: task });
    const introspect = () => client.tokenIntrospection(verifier, tokens.access_token);
    expect(await introspect()).toMatchObject({
      active: true,
      aud: 'https://crm.example',
      task_id: task,
      tool: 'crm',
    });
    const giver = await discover(algorithm, 'agent-1');
    await client.tokenRevocation(giver, tokens.access_token, { token_type_hint: 'access_token' });
    expect(await introspect()).toEqual({ active: false });
  });

  test('sees every credential of a completed task as dead, and gets no other', async () => {
    const other = `${task}-over`;
    await broker.openTask({ id: other });
    const tokens = await Promise.all([1, 2, 3].map(() => exchange(agent, { task_id: other })));
    await broker.complete(other);
    for (const { access_token: token } of tokens)
      expect(await client.tokenIntrospection(verifier, token)).toEqual({ active: false });
    await expect(exchange(agent, { task_id: other })).rejects.toMatchObject({
      name: 'ResponseBodyError',
      status: 400,
      error: 'invalid_target',
      error_description: 'The task is closed.',
    });
  });

  test('reads a bad caller from 401 and its challenge (RFC 7662 §2.3)', async () => {
    const nobody = await discover(algorithm, 'crm-api', client.None());
    await expect(client.tokenIntrospection(nobody, 'x')).rejects.toMatchObject({
      name: 'WWWAuthenticateChallengeError',
      status: 401,
    });
  });
});
