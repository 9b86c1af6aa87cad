// Trust in a real identity provider, found by discovery: whom it vouches for is believed, by the roles of their claims.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Idp } from '../../examples/demo/idp.js';
import type { Answer, Asked } from '../../examples/demo/wire.js';
import { ask } from '../../examples/demo/wire.js';
import { TOKEN_EXCHANGE, TOKEN_TYPE } from '../../src/wire/token.js';
import { TestBroker } from '../fixtures/broker.js';
import { startTestIdp } from '../fixtures/oidc-provider.js';

let idp: Idp;
let stranger: Idp;
let broker: TestBroker;

beforeAll(async () => {
  [idp, stranger] = await Promise.all([startTestIdp(), startTestIdp()]);
  const roles = {
    agent: { sub: 'agent-*' },
    orchestrator: { sub: 'planner' },
    operator: { groups: ['platform-oncall'] },
    verifier: { sub: 'crm-api', tools: ['crm'] },
  };
  const trust = [{ name: 'real', kind: 'oidc', issuer: idp.issuer, audience: 'mayfly', roles }];
  broker = await TestBroker.start({ terms: { trust } });
});
afterAll(async () => {
  await Promise.all([broker.stop(), idp.stop(), stranger.stop()]);
});

const as = async (name: string, path: string, asked: Asked = {}): Promise<Answer> =>
  ask(`${broker.url}${path}`, { bearer: await idp.tokenFor(name), ...asked });

const exchange = (subjectToken: string): Promise<Answer> =>
  ask(`${broker.url}/token`, {
    form: {
      grant_type: TOKEN_EXCHANGE,
      subject_token: subjectToken,
      subject_token_type: TOKEN_TYPE.accessToken,
      task_id: 'run-1',
      audience: 'crm',
    },
  });

test('workloads that prove themselves by a key or by a secret do what their roles allow', async () => {
  const task = {
    id: 'run-1',
    purpose: 'a test',
    agents: ['real/agent-7'],
    tools: [{ tool: 'crm', actions: ['read'] }],
    ttl: '5m',
  };
  expect(await as('planner', '/v1/tasks', { json: task })).toMatchObject({ status: 201 });

  const issued = await exchange(await idp.tokenFor('agent-7'));
  expect(issued).toMatchObject({ status: 200, body: { scope: 'read', task_id: 'run-1' } });

  const form = { token: String(issued.body['access_token']) };
  expect(await as('crm-api', '/introspect', { form })).toMatchObject({
    body: { active: true, sub: 'real/agent-7' },
  });
});

test('a role may hang on one member of a claim that is a list', async () => {
  expect(await as('operator', '/v1/audit')).toMatchObject({ status: 200 });
  expect(await as('planner', '/v1/audit')).toMatchObject({ status: 403 });
});

test('another identity provider vouches for nobody, whatever names it uses', async () => {
  const bearer = await stranger.tokenFor('planner');
  expect(await as('planner', '/v1/tasks', { bearer })).toMatchObject({ status: 401 });
  expect(await exchange(await stranger.tokenFor('agent-7'))).toMatchObject({
    status: 400,
    body: { error: 'invalid_request' },
  });
});
