// Who is who by the configuration in deploy/kubernetes: as docs/kubernetes.md says, and nobody else.
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { TOKEN_EXCHANGE, TOKEN_TYPE } from '../../src/wire/token.js';
import { TestBroker } from '../fixtures/broker.js';
import { type IssuerKey, forge, issuerKey } from '../fixtures/idp-keys.js';
import { type Manifest, type Workload, only } from './manifests.js';

const { data } = only<Manifest & { data: Record<string, string> }>('ConfigMap', 'mayfly');
const shipped = parse(data['mayfly.yaml']!) as { trust: [Record<string, unknown>]; tools: object };
const job = only<Workload>('Job', 'agent-letters');

let cluster: IssuerKey;
let broker: TestBroker;

beforeAll(async () => {
  cluster = await issuerKey('RS256', 'cluster-1');
  // The cluster itself is not there: its keys come from a file, and all else is as shipped.
  const { jwks_uri: _uri, ca_file: _ca, token_file: _token, ...entry } = shipped.trust[0];
  broker = await TestBroker.start();
  writeFileSync(join(broker.folder, 'cluster.jwks.json'), JSON.stringify({ keys: [cluster.jwk] }));
  broker.configure({ trust: [{ ...entry, jwks_file: './cluster.jwks.json' }], tools: shipped.tools });
  expect(await broker.live.reload()).toMatchObject({ swapped: true });
});
afterAll(() => broker.stop());

/** As the kubelet has it from the API server, for a pod; or as `kubectl create token` has it, for none. */
function token(namespace: string, account: string, { inPod = true, audience = 'mayfly' } = {}): string {
  const now = Math.floor(Date.now() / 1000);
  return forge(
    cluster,
    { alg: 'RS256', kid: cluster.kid },
    {
      iss: shipped.trust[0]['issuer'],
      aud: [audience],
      sub: `system:serviceaccount:${namespace}:${account}`,
      jti: randomUUID(),
      iat: now,
      nbf: now,
      exp: now + 3600,
      'kubernetes.io': {
        namespace,
        serviceaccount: { name: account, uid: randomUUID() },
        ...(inPod && {
          pod: { name: `${account}-x7k2p`, uid: randomUUID() },
          node: { name: 'node-1', uid: randomUUID() },
        }),
      },
    },
  );
}

const planner = (): string => token('agents', 'planner');
const operator = (): string => token('mayfly-operators', 'operator', { inPod: false });
const openTask = (id: string, bearer: string): Promise<{ status: number }> =>
  broker.call('POST', '/v1/tasks', {
    bearer,
    json: {
      id,
      purpose: 'answer the letters',
      agents: ['cluster/system:serviceaccount:agents:agent-*'],
      tools: [{ tool: 'crm', actions: ['read'] }],
      ttl: '15m',
    },
  });
const exchange = (task: string, subject: string) =>
  broker.call<Record<string, string>>('POST', '/token', {
    form: {
      grant_type: TOKEN_EXCHANGE,
      subject_token: subject,
      subject_token_type: TOKEN_TYPE.jwt,
      task_id: task,
      audience: 'crm',
    },
  });

describe('on the cluster', () => {
  test('the example agent gets a credential for a task of the planner, the CRM sees it alive, an operator kills it', async () => {
    expect((await openTask('run-42', planner())).status).toBe(201);
    const issued = await exchange(
      'run-42',
      token(job.metadata.namespace!, job.spec.template.spec.serviceAccountName),
    );
    expect(issued.status).toBe(200);
    const credential = issued.body['access_token']!;
    const isActive = async (): Promise<unknown> =>
      (
        await broker.call('POST', '/introspect', {
          bearer: token('tools', 'crm-api'),
          form: { token: credential },
        })
      ).body['active'];
    expect(await isActive()).toBe(true);
    const select = { agent: 'cluster/system:serviceaccount:agents:agent-letters' };
    const killed = await broker.call('POST', '/v1/revocations', {
      bearer: operator(),
      json: { select, reason: 'odd' },
    });
    expect([killed.status, await isActive()]).toEqual([202, false]);
  });

  test.each([
    ['an agent whose token is bound to no pod', () => token('agents', 'agent-letters', { inPod: false })],
    ['an agent of another namespace', () => token('default', 'agent-letters')],
    ['another account of the namespace', () => token('agents', 'default')],
    [
      'a token for the API server',
      () => token('agents', 'agent-letters', { audience: 'https://kubernetes.default.svc' }),
    ],
  ])('%s gets nothing', async (_who, subject) => {
    expect((await openTask('run-43', planner())).status).toBeLessThan(300);
    const refused = await exchange('run-43', subject());
    expect([refused.status, refused.body['access_token']]).toEqual([400, undefined]);
  });

  test.each([
    ['an agent', () => token('agents', 'agent-letters'), 403],
    ['a planner of another namespace, who is nobody here,', () => token('default', 'planner'), 401],
    ['an operator', operator, 403],
  ])('%s opens no task', async (_who, bearer, status) => {
    expect((await openTask('run-44', bearer())).status).toBe(status);
  });

  test('an operator of another namespace kills nothing', async () => {
    const json = { select: { all: true }, reason: 'odd' };
    const bearer = token('agents', 'operator');
    expect((await broker.call('POST', '/v1/revocations', { bearer, json })).status).toBe(401);
  });
});
