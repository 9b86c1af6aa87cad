// An agent's credentials: asked for once, kept until shortly before their end, renewed, and given back.
import { getEventListeners } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { elapsed } from '../../../src/sdk/agent/elapsed.js';
import type { MayflyError } from '../../../src/sdk/agent/index.js';
import { SettableClock } from '../../contract/store/harness.js';
import { answering, type Respond } from '../../fixtures/in-place-of-broker.js';
import { until } from '../../fixtures/until.js';
import { AgentScene } from './scene.js';

const scene = new AgentScene(new SettableClock());
beforeAll(() => scene.start());
beforeEach(() => scene.clock.advance((1000 - (scene.clock.now() % 1000)) % 1000));
afterEach(() => scene.clear());
afterAll(() => scene.broker.stop());

const failure = (call: Promise<unknown>): Promise<MayflyError> =>
  call.then(
    () => {
      throw new Error('it did not fail');
    },
    (error: unknown) => error as MayflyError,
  );

/** CRM's `max_ttl`. */
const LIFE_MS = 300_000;
/** Whatever the jitter, it is time for another one, and time to wait for it. */
const DUE_MS = LIFE_MS - 10_000;

test('fifty who want one at the same time make one request, and so do those who come later', async () => {
  await scene.openTask('many');
  const { agent, asked } = scene.agent('many');
  const all = await Promise.all(
    Array.from({ length: 50 }, () => agent.tool('crm', { actions: ['read', 'write'] }).credential()),
  );
  expect(new Set(all.map(({ access_token: token }) => token)).size).toBe(1);
  scene.clock.advance(200_500);
  // In another order it is the same; what is less, or of another task, is another one.
  const later = await agent.tool('crm', { actions: ['write', 'read'] }).credential();
  expect([later.access_token, later.expires_in]).toEqual([all[0]!.access_token, 99]);
  expect(asked).toEqual(['POST /token']);
  const less = await agent.tool('crm', { actions: ['read'], resources: ['customers/7'] }).credential();
  expect(less).toMatchObject({ scope: 'read', authorization_details: [{ resources: ['customers/7'] }] });
  await scene.openTask('many.part', { parent: 'many' });
  expect(await agent.tool('crm', { task: 'many.part' }).credential()).toMatchObject({ task_id: 'many.part' });
});

test.each([
  ['no action', { actions: [] }],
  [
    'a text for the actions, which would be a list of its letters',
    { actions: 'read' as unknown as string[] },
  ],
  ['no resource', { resources: [] }],
  ['a text for the resources', { resources: 'customers/7' as unknown as string[] }],
  ['an empty task', { task: '' }],
])('terms that name %s are a mistake, and never all that there is', (_what, terms) => {
  const { agent } = scene.agent('run');
  expect(() => agent.tool('crm', terms)).toThrow(expect.objectContaining({ code: 'ERR_USAGE' }));
});

test.each([undefined, ''])('an agent whose task is %j is told so when it is made', (task) => {
  expect(() => scene.agent(task as string)).toThrow('the task is to be named');
});

describe('shortly before its end', () => {
  test('it is renewed under its lease where the tool allows that', async () => {
    await scene.openTask('renewed', { ttl: '1h' });
    const { agent, asked } = scene.agent('renewed');
    const crm = agent.tool('crm');
    const first = await crm.credential();
    scene.clock.advance(DUE_MS);
    const [second] = await Promise.all([crm.credential(), crm.credential()]);
    expect(second.lease_id).toBe(first.lease_id);
    expect(second.access_token).not.toBe(first.access_token);
    expect(second.expires_in).toBeGreaterThan(290);
    expect(asked).toEqual(['POST /token', 'POST /v1/leases/lease/renew']);
  });

  test('it is given out while the next one is under way, until callers have to wait for that', async () => {
    await scene.openTask('overlap', { ttl: '1h' });
    const { agent, asked } = scene.agent('overlap');
    const crm = agent.tool('crm');
    const first = await crm.credential();
    scene.clock.advance(LIFE_MS - 25_000);
    expect((await crm.credential()).access_token).toBe(first.access_token);
    await until('it is renewed', () => asked.length === 2);
    expect(await crm.credential()).toMatchObject({ lease_id: first.lease_id, expires_in: 300 });
  });

  test('another one takes its place where the tool does not, which is asked once only', async () => {
    await scene.openTask('anew', { ttl: '1h', tools: [{ tool: 'search', actions: ['query'] }] });
    const { agent, asked } = scene.agent('anew');
    const search = agent.tool('search', { ttlSeconds: 60 });
    const leases = new Set<string>();
    for (const _ of [1, 2, 3]) {
      const { lease_id: lease, expires_in: seconds } = await search.credential();
      expect(seconds).toBe(60);
      leases.add(lease);
      scene.clock.advance(59_000);
    }
    expect(leases.size).toBe(3);
    const renewals = asked.filter((one) => one.endsWith('/renew'));
    expect([renewals.length, asked.length]).toEqual([1, 4]);
  });

  test('the one that lives is given out while the broker is away, and only while it lives', async () => {
    await scene.openTask('away', { ttl: '1h' });
    let isAway = false;
    let tries = 0;
    const { agent } = scene.agent('away', {
      fetch: (url, init) => {
        tries++;
        return isAway ? Promise.reject(new Error('away')) : fetch(url, init);
      },
    });
    const crm = agent.tool('crm');
    const { access_token: first } = await crm.credential();
    isAway = true;
    scene.clock.advance(DUE_MS);
    for (const _ of Array.from({ length: 20 })) expect((await crm.credential()).access_token).toBe(first);
    expect(tries).toBe(2);
    scene.clock.advance(10_000);
    expect(await failure(crm.credential())).toMatchObject({ code: 'ERR_UNREACHABLE' });
    isAway = false;
    scene.clock.advance(10_000);
    expect((await crm.credential()).access_token).not.toBe(first);
  });
});

const issued = (n: number, lease: string): Respond =>
  answering(200, { access_token: `token-${n}`, token_type: 'Bearer', expires_in: 100, lease_id: lease });

test('one that a tool refuses while it is being renewed is not given out again when that is done', async () => {
  const held: { renew?: () => void } = {};
  let exchanges = 0;
  const broker = await scene.tool((response, asked) => {
    if (asked.url.endsWith('/renew')) held.renew = () => issued(9, 'lease_1')(response, asked);
    else if (asked.url === '/token') issued(++exchanges, `lease_${exchanges}`)(response, asked);
    else answering(200, {})(response, asked);
  });
  const invalid = answering(401, {}, { 'www-authenticate': 'Bearer error="invalid_token"' });
  const tool = await scene.tool(invalid, answering(200, {}));
  const { agent } = scene.agent('any', { broker: broker.url });
  const crm = agent.tool('crm', { url: tool.url });
  await crm.credential();
  scene.clock.advance(94_000);
  const call = crm.fetch(tool.url);
  await until('the refused one is given back', () => broker.seen.some(({ method }) => method === 'DELETE'));
  held.renew!();
  expect((await call).status).toBe(200);
  expect(tool.seen.map(({ headers }) => headers.authorization)).toEqual(['Bearer token-1', 'Bearer token-2']);
});

describe('whoever stops waiting', () => {
  test('gets the reason, and the others get the credential', async () => {
    await scene.openTask('impatient');
    const { agent, asked } = scene.agent('impatient');
    const crm = agent.tool('crm');
    const impatient = new AbortController();
    const left = failure(crm.credential({ signal: impatient.signal }));
    const stayed = crm.credential();
    const reason = new Error('no time');
    impatient.abort(reason);
    expect(await left).toBe(reason);
    expect((await stayed).task_id).toBe('impatient');
    expect(await failure(crm.credential({ signal: impatient.signal }))).toBe(reason);
    expect(asked).toEqual(['POST /token']);
  });
});

test('many callers may share a signal', async () => {
  await scene.openTask('shared');
  const crm = scene.agent('shared').agent.tool('crm');
  const { signal } = new AbortController();
  const all = Promise.all(Array.from({ length: 50 }, () => crm.credential({ signal })));
  // With eleven, Node warns of a leak.
  expect(getEventListeners(signal, 'abort').length).toBeLessThan(2);
  await all;
});

describe('what was refused', () => {
  test('is not asked for again at once, and then it is', async () => {
    const { agent, asked } = scene.agent('not-yet');
    const crm = agent.tool('crm');
    for (const _ of Array.from({ length: 20 })) {
      expect(await failure(crm.credential())).toMatchObject({
        code: 'ERR_REFUSED',
        oauthError: 'invalid_target',
        requestId: expect.stringMatching(/^req_/),
      });
    }
    expect(asked).toEqual(['POST /token']);
    expect((await failure(crm.credential())).retryAfterMs).toBeGreaterThan(0);
    await scene.openTask('not-yet');
    scene.clock.advance(2000);
    expect((await crm.credential()).task_id).toBe('not-yet');
  });

  test('for a time that the broker names is left alone for that time', async () => {
    const busy = await scene.tool(
      answering(429, { error: 'temporarily_unavailable' }, { 'retry-after': '60' }),
    );
    const { agent } = scene.agent('busy', { broker: busy.url });
    const crm = agent.tool('crm');
    expect(await failure(crm.credential())).toMatchObject({ code: 'ERR_LIMITED' });
    scene.clock.advance(59_000);
    expect(await failure(crm.credential())).toMatchObject({ code: 'ERR_LIMITED', retryAfterMs: 1000 });
    expect(busy.seen).toHaveLength(1);
    scene.clock.advance(1000);
    await failure(crm.credential());
    expect(busy.seen).toHaveLength(2);
  });
});

describe('a task that is over', () => {
  test.each([
    ['is told of at the renewal', 'over-renewed', 'crm'],
    ['is told of at the next exchange, by how the lease before has ended', 'over-anew', 'search'],
  ])('%s, and nothing is asked any more', async (_how, task, name) => {
    await scene.openTask(task, { ttl: '1h' });
    const { agent, asked } = scene.agent(task);
    const tool = agent.tool(name, { ttlSeconds: 60 });
    await tool.credential();
    await scene.broker.complete(task);
    scene.clock.advance(58_500);
    expect(await failure(tool.credential())).toMatchObject({ code: 'ERR_TASK_OVER' });
    const before = asked.length;
    scene.clock.advance(600_000);
    for (const other of [tool, agent.tool('crm'), agent.tool('search', { task: `${task}.part` })]) {
      expect(await failure(other.credential())).toMatchObject({ code: 'ERR_TASK_OVER' });
    }
    expect(asked.length).toBe(before);
  });
});

test('the workload token is read at each use: from a file that is replaced, and from a variable', async () => {
  await scene.openTask('token-file');
  const file = join(scene.broker.folder, 'agent.token');
  writeFileSync(file, 'a.b.c');
  const { agent } = scene.agent('token-file', { token: { file } });
  const crm = agent.tool('crm');
  expect(await failure(crm.credential())).toMatchObject({ code: 'ERR_REFUSED' });
  writeFileSync(file, `${scene.broker.workloads.token('agent-1')}\n`);
  scene.clock.advance(2000);
  await crm.credential();
  rmSync(file);
  // Nothing was sent, so nothing is to be waited for.
  const search = agent.tool('search');
  expect(await failure(search.credential())).toMatchObject({ code: 'ERR_TOKEN_SOURCE' });
  writeFileSync(file, scene.broker.workloads.token('agent-1'));
  await search.credential();

  const name = 'MAYFLY_TEST_AGENT_TOKEN';
  const byVariable = scene.agent('token-file', { token: { env: name } }).agent.tool('crm');
  expect(await failure(byVariable.credential())).toMatchObject({
    code: 'ERR_TOKEN_SOURCE',
    message: `the variable ${name} is not set`,
  });
  process.env[name] = scene.broker.workloads.token('agent-1');
  await byVariable.credential();
  delete process.env[name];
});

describe('closing', () => {
  test('gives back what is held and what is still under way, once, and gets nothing more', async () => {
    await scene.openTask('closing');
    let sent = 0;
    const { agent, asked } = scene.agent('closing', {
      fetch: (url, init) => {
        sent++;
        return fetch(url, init);
      },
    });
    const { lease_id: held } = await agent.tool('crm').credential();
    const underWay = agent.tool('search').credential();
    await until('it is asked for', () => sent === 2);
    expect(await Promise.all([agent.close(), agent.close()])).toEqual([[], []]);
    const { lease_id: late } = await underWay;
    for (const lease of [held, late]) {
      expect((await scene.broker.get(`/v1/leases/${lease}`, 'agent-1')).body).toMatchObject({
        state: 'revoked',
        ended: { reason: 'released' },
      });
    }
    expect(asked.filter((one) => one.startsWith('DELETE'))).toHaveLength(2);
    expect(await failure(agent.tool('crm').credential())).toMatchObject({ code: 'ERR_USAGE' });
  });

  test('at the end of a block names what could not be given back, and does not fail', async () => {
    await scene.openTask('left');
    let isAway = false;
    const { agent } = scene.agent('left', {
      fetch: (url, init) => (isAway ? Promise.reject(new Error('away')) : fetch(url, init)),
    });
    let lease: string | undefined;
    {
      await using disposed = agent;
      lease = (await disposed.tool('crm').credential()).lease_id;
      isAway = true;
    }
    expect(await agent.close()).toEqual([lease]);
  });
});

describe('the time that has gone by', () => {
  test.each([
    ['follows both clocks', 500, 500, 500],
    ['goes on when the wall clock is set back', 500, -60_000, 500],
    ['counts what a machine slept through', 0, 3_600_000, 3_600_000],
  ])('%s', (_name, monotonicMs, wallMs, gone) => {
    let [wall, monotonic] = [1e12, 0];
    const now = elapsed(
      () => wall,
      () => monotonic,
    );
    const before = now();
    wall += wallMs;
    monotonic += monotonicMs;
    expect(now() - before).toBe(gone);
  });
});
