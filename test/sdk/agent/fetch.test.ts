// An agent calls its tools: the credential goes to the tool it is for, and a dead one is replaced once.
import { ReadableStream } from 'node:stream/web';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { EmbeddedJWK, jwtVerify } from 'jose';
import { systemClock } from '../../../src/domain/clock.js';
import { DpopKey, type MayflyError } from '../../../src/sdk/agent/index.js';
import { CRM, SEARCH } from '../../fixtures/broker-configuration.js';
import {
  answering,
  type InPlaceOfBroker,
  inPlaceOfBroker,
  type Respond,
} from '../../fixtures/in-place-of-broker.js';
import { until } from '../../fixtures/until.js';
import { AgentScene } from './scene.js';

const scene = new AgentScene(systemClock());
/** What the CRM does next; when nothing is said, it is content. */
const next: Respond[] = [];
let crm: InPlaceOfBroker;
let elsewhere: InPlaceOfBroker;
let api: string;
beforeAll(async () => {
  const good = answering(200, { good: true });
  crm = await inPlaceOfBroker((response, asked) => (next.shift() ?? good)(response, asked));
  elsewhere = await inPlaceOfBroker(good);
  api = `${crm.url}/api`;
  await scene.start({
    tools: {
      crm: { ...CRM, audience: api },
      search: { ...SEARCH, audience: 'urn:search', require_dpop: true },
    },
  });
  await scene.openTask('run');
});
afterEach(() => {
  next.splice(0);
  (crm.seen as unknown[]).splice(0);
  return scene.clear();
});
afterAll(async () => {
  crm.close();
  elsewhere.close();
  await scene.broker.stop();
});

const failure = (call: Promise<unknown>): Promise<MayflyError> =>
  call.then(
    () => {
      throw new Error('it did not fail');
    },
    (error: unknown) => error as MayflyError,
  );
const invalid = answering(401, {}, { 'www-authenticate': 'Bearer realm="crm", error="invalid_token"' });
const shown = (): (string | undefined)[] => crm.seen.map(({ headers }) => headers.authorization);

test('the tool gets the credential in the place of whatever else was to be shown', async () => {
  const tool = scene.agent('run').agent.tool('crm');
  const response = await tool.fetch(
    new Request(`${api}/customers?name=x`, { method: 'POST', body: 'who?' }),
    {
      headers: { authorization: 'Basic mine', 'x-mine': 'mine' },
    },
  );
  expect(await response.json()).toEqual({ good: true });
  const { access_token: token } = await tool.credential();
  expect(crm.seen).toMatchObject([
    {
      method: 'POST',
      url: '/api/customers?name=x',
      body: 'who?',
      headers: { authorization: `Bearer ${token}`, 'x-mine': 'mine' },
    },
  ]);
});

describe('the credential is not sent', () => {
  test.each([
    ['to another host', () => elsewhere.url],
    [
      'to another port that is named like the user',
      () => api.replace('//', '//127.0.0.1@').replace(/:\d+\//, ':1/'),
    ],
    ['beside the path of the audience', () => `${crm.url}/apis`],
    ['above it', () => `${api}/../admin`],
    ['above it, where a server decodes before it resolves', () => `${api}/..%2fadmin`],
    ['above it by backslashes', () => `${api}/%2e%2e%5Cadmin`],
  ])('%s', async (_where, url) => {
    const tool = scene.agent('run').agent.tool('crm');
    expect(await failure(tool.fetch(url()))).toMatchObject({ code: 'ERR_USAGE' });
    expect([crm.seen, elsewhere.seen]).toEqual([[], []]);
  });

  test('where an audience is no address, unless it is said where the tool is', async () => {
    const { agent } = scene.agent('run', { dpop: true });
    expect(await failure(agent.tool('search').fetch(crm.url))).toMatchObject({
      code: 'ERR_USAGE',
      message: expect.stringContaining('{ url:'),
    });
    expect((await agent.tool('search', { url: api }).fetch(`${api}/x`)).status).toBe(200);
    // What is said takes the place of the audience, before anything is asked for.
    const { agent: other, asked } = scene.agent('run');
    const crmElsewhere = other.tool('crm', { url: [elsewhere.url] });
    expect(await failure(crmElsewhere.fetch(api))).toMatchObject({ code: 'ERR_USAGE' });
    expect(asked).toEqual([]);
    expect(() => other.tool('crm', { url: 'http://crm.example' })).toThrow(
      'where crm is reached is not known',
    );
  });

  test('to wherever a redirect points, unless that is the tool itself', async () => {
    const tool = scene.agent('run').agent.tool('crm');
    next.push(answering(302, '', { location: elsewhere.url }));
    expect((await tool.fetch(api)).status).toBe(302);
    next.push(answering(302, '', { location: `${crm.url}/login` }));
    expect((await tool.fetch(api)).status).toBe(302);
    next.push(answering(307, '', { location: 'customers/7' }));
    expect((await tool.fetch(`${api}/`)).status).toBe(200);
    next.push(answering(307, '', { location: `${api}/7` }));
    expect((await tool.fetch(api, { method: 'POST', body: 'x' })).status).toBe(307);
    next.push(...Array.from({ length: 9 }, () => answering(302, '', { location: `${api}/again` })));
    expect((await tool.fetch(api)).status).toBe(302);
    next.splice(0);
    next.push(answering(302, '', { location: `${api}/7` }));
    await expect(tool.fetch(api, { redirect: 'error' })).rejects.toThrow(TypeError);
    expect(elsewhere.seen).toEqual([]);
  });
});

test.each(['/customers', 'customers 7', '', '//', 'https://'])(
  '%j is no whole address, and nothing is sent',
  async (address) => {
    const { agent, asked } = scene.agent('run');
    const refused = await failure(agent.tool('crm').fetch(address));
    expect([refused.code, asked, crm.seen.length]).toEqual(['ERR_USAGE', [], 0]);
  },
);

describe('a credential that the tool calls invalid', () => {
  test('is replaced for all who hold it by one, and their calls are made once more', async () => {
    const { agent, asked } = scene.agent('run');
    const tool = agent.tool('crm');
    const { access_token: dead, lease_id: lease } = await tool.credential();
    const refuse: Respond = (response, seen) =>
      (seen.headers.authorization === `Bearer ${dead}` ? invalid : answering(200, {}))(response, seen);
    next.push(...Array.from({ length: 40 }, () => refuse));
    const all = await Promise.all(
      Array.from({ length: 10 }, (_, index) => tool.fetch(`${api}/${index}`, { method: 'PUT', body: 'x' })),
    );
    expect(new Set(all.map(({ status }) => status))).toEqual(new Set([200]));
    expect(crm.seen.map(({ body }) => body)).toEqual(Array.from({ length: 20 }, () => 'x'));
    await until('the dead one is given back', () => asked.length === 3);
    expect(asked.toSorted()).toEqual(['DELETE /v1/leases/lease', 'POST /token', 'POST /token']);
    expect((await scene.broker.get(`/v1/leases/${lease}`, 'agent-1')).body).toMatchObject({
      state: 'revoked',
    });
  });

  test('is not replaced without end by a tool that takes none', async () => {
    const { agent, asked } = scene.agent('run');
    next.push(...Array.from({ length: 40 }, () => invalid));
    for (const _ of Array.from({ length: 10 })) expect((await agent.tool('crm').fetch(api)).status).toBe(401);
    expect(asked.filter((one) => one === 'POST /token')).toHaveLength(2);
    expect(new Set(shown()).size).toBe(2);
  });

  test('is dropped, and the refusal given back, where the body was a stream', async () => {
    const tool = scene.agent('run').agent.tool('crm');
    next.push(invalid);
    const body = new ReadableStream({ start: (controller) => controller.close() });
    expect((await tool.fetch(api, { method: 'POST', body, duplex: 'half' })).status).toBe(401);
    expect((await tool.fetch(api)).status).toBe(200);
    expect(new Set(shown()).size).toBe(2);
  });

  test('tells that the task is over, where it is', async () => {
    await scene.openTask('ended');
    const tool = scene.agent('ended').agent.tool('crm');
    await tool.fetch(api);
    await scene.broker.complete('ended');
    next.push(invalid);
    expect(await failure(tool.fetch(api))).toMatchObject({ code: 'ERR_TASK_OVER' });
  });

  test.each([
    ['a 403', answering(403, {}, { 'www-authenticate': 'Bearer error="insufficient_scope"' })],
    ['a 401 without a reason', answering(401, {}, { 'www-authenticate': 'Bearer' })],
  ])('is not what %s means', async (_name, respond) => {
    const { agent, asked } = scene.agent('run');
    next.push(respond);
    await agent.tool('crm').fetch(api);
    expect([crm.seen.length, asked.length]).toEqual([1, 1]);
  });
});

test('with a key, each request has a proof of it, and a nonce that is asked for is taken up', async () => {
  const dpop = await DpopKey.generate();
  const tool = scene.agent('run', { dpop }).agent.tool('crm');
  next.push(answering(401, {}, { 'www-authenticate': 'DPoP error="use_dpop_nonce"', 'dpop-nonce': 'one' }));
  expect((await tool.fetch(api)).status).toBe(200);
  const { access_token: token, token_type: type } = await tool.credential();
  expect(type).toBe('DPoP');
  const proofs = await Promise.all(
    crm.seen.map(async ({ headers }) => (await jwtVerify(headers['dpop'] as string, EmbeddedJWK)).payload),
  );
  expect(proofs).toMatchObject([
    { htm: 'GET', htu: api },
    { htu: api, nonce: 'one' },
  ]);
  expect(shown()).toEqual([`DPoP ${token}`, `DPoP ${token}`]);
});

test('a credential that is good once is shared by nobody', async () => {
  let count = 0;
  const issuer = await scene.tool((response, asked) => {
    const body = {
      access_token: `single.use.${count++}`,
      token_type: 'Bearer',
      expires_in: 60,
      single_use: true,
      lease_id: `lease_${count}`,
    };
    answering(200, body)(response, asked);
  });
  const tool = scene.agent('run', { broker: issuer.url }).agent.tool('crm');
  const given = await Promise.all([1, 2, 3, 4].map(() => tool.credential()));
  given.push(await tool.credential());
  expect(new Set(given.map(({ access_token: token }) => token)).size).toBe(5);
});

test('what is no token is given out, and not shown to a tool', async () => {
  const body = {
    access_token: '{"AccessKeyId":"x"}',
    token_type: 'N_A',
    expires_in: 60,
    lease_id: 'lease_1',
  };
  const issuer = await scene.tool(answering(200, body));
  const tool = scene.agent('run', { broker: issuer.url }).agent.tool('cloud', { url: api });
  expect(await tool.credential()).toMatchObject({ access_token: '{"AccessKeyId":"x"}', token_type: 'N_A' });
  expect(await failure(tool.fetch(api))).toMatchObject({ code: 'ERR_USAGE' });
  expect(crm.seen).toEqual([]);
});

test('a call that is given up waits for no credential', async () => {
  const silent = await scene.tool(() => {});
  const tool = scene.agent('run', { broker: silent.url, timeoutMs: 500 }).agent.tool('crm');
  const giveUp = new AbortController();
  const call = failure(tool.fetch(api, { signal: giveUp.signal }));
  await until('it is asked for', () => silent.seen.length === 1);
  giveUp.abort();
  expect(await call).toMatchObject({ name: 'AbortError' });
});
