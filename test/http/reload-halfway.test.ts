// A configuration that is swapped while an issuer is asked for its keys: who lost our trust meanwhile is not believed.
import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { systemClock } from '../../src/domain/clock.js';
import { TOKEN_EXCHANGE, TOKEN_TYPE } from '../../src/wire/token.js';
import { Workloads } from '../fixtures/broker-workloads.js';
import type { Credential } from '../fixtures/broker-client.js';
import { TestBroker } from '../fixtures/broker.js';
import { Idp, JWKS } from '../fixtures/idp.js';
import { type IssuerKey, issuerKey } from '../fixtures/idp-keys.js';
import { until } from '../fixtures/until.js';

let key: IssuerKey;
let idp: Idp;
let broker: TestBroker;
let asked: ServerResponse[];
const KNOWN = Workloads.trust('./workloads.jwks.json');
const slow = (more: object = {}) => ({
  name: 'slow',
  kind: 'oidc',
  issuer: idp.issuer,
  audience: 'mayfly',
  algorithms: ['ES256'],
  roles: { agent: { sub: 'agent-*' }, orchestrator: { sub: 'agent-*' } },
  ...more,
});

beforeEach(async () => {
  key = await issuerKey('ES256', 'slow-1');
  idp = await Idp.start(systemClock(), key);
  asked = [];
  idp.misbehave(JWKS, (response) => void asked.push(response));
  broker = await TestBroker.start({ terms: { trust: [KNOWN, slow()] } });
  await broker.openTask({ id: 'halfway', agents: ['slow/agent-7'] });
});
afterEach(async () => {
  await broker.stop();
  await idp.goDown();
});

const isAsked = () => until('the issuer is asked for its keys', () => asked.length > 0);
const answerKeys = (): void => {
  for (const response of asked.splice(0))
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ keys: [key.jwk] }));
};
async function swap(trust: readonly object[]): Promise<void> {
  broker.configure({ trust });
  expect(await broker.live.reload()).toMatchObject({ swapped: true });
}

const REQUESTS = {
  'an exchange': async () =>
    broker.call<Credential>('POST', '/token', {
      form: {
        grant_type: TOKEN_EXCHANGE,
        subject_token: await idp.token(key, { jti: 'one' }),
        subject_token_type: TOKEN_TYPE.jwt,
        audience: 'crm',
        task_id: 'halfway',
      },
    }),
  'a call': async () => broker.call('GET', '/v1/tasks', { bearer: await idp.token(key, { jti: 'one' }) }),
} as const;

describe.each(Object.entries(REQUESTS))('%s that waited for the keys of an issuer', (_, request) => {
  test.each<[string, () => object[], string]>([
    ['that is trusted no more', () => [KNOWN], 'issuer_unknown'],
    ['whose rules have changed', () => [KNOWN, slow({ roles: { agent: { sub: 'bot-*' } } })], 'role_missing'],
    [
      'that is meant for another audience now',
      () => [KNOWN, slow({ audience: 'other' })],
      'audience_mismatch',
    ],
  ])('%s is judged by the trust in force when they came', async (__, trust, reason) => {
    const answer = request();
    await isAsked();
    await swap(trust());
    answerKeys();
    const refused = await answer;
    expect(await broker.auditOf(refused)).toMatchObject([{ outcome: 'refused', reason }]);
    expect([400, 401, 403]).toContain(refused.status);
  });

  test('whose trust was not touched is answered, whatever else was', async () => {
    const answer = request();
    await isAsked();
    await swap([{ ...KNOWN, max_token_age: '12h' }, slow()]);
    answerKeys();
    expect((await answer).status).toBe(200);
  });

  test('is answered where its token is for one time, which was not used up yet', async () => {
    await swap([KNOWN, slow({ one_time: true })]);
    const answer = request();
    await isAsked();
    await swap([{ ...KNOWN, max_token_age: '12h' }, slow({ one_time: true })]);
    answerKeys();
    expect((await answer).status).toBe(200);
  });
});
