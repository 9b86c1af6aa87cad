// The client against a broker: every route of the contract has its method, and each does what its route does.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ACCESS } from '../../src/http/access.js';
import { type AnswerFacts, MayflyClient, MayflyError } from '../../src/sdk/client/index.js';
import { TestBroker } from '../fixtures/broker.js';
import { toolCalls } from '../fixtures/tool-calls.js';

let broker: TestBroker;
beforeAll(async () => {
  broker = await TestBroker.start();
});
afterAll(() => broker.stop());

const as = (sub: string): MayflyClient =>
  new MayflyClient({ url: broker.url, token: () => broker.workloads.token(sub) });

async function all<Item>(sequence: AsyncIterable<Item>): Promise<Item[]> {
  const items: Item[] = [];
  for await (const item of sequence) items.push(item);
  return items;
}

const manifest = {
  purpose: 'a test of the client',
  agents: ['cluster/agent-*'],
  tools: [{ tool: 'crm', actions: ['read', 'write'] }],
  ttl: '15m',
};

const failure = (call: Promise<unknown>): Promise<MayflyError> =>
  call.then(
    () => {
      throw new Error('it did not fail');
    },
    (error: unknown) => error as MayflyError,
  );

test('has a method for every route that authenticates, but for the stream, which is read by mayfly/verifier', () => {
  const methods = new Set([...Object.getOwnPropertyNames(MayflyClient.prototype), 'streamRevocations']);
  expect(Object.keys(ACCESS).filter((route) => !methods.has(route))).toEqual([]);
});

test('a task from its opening to its end, as everybody who has to do with it', async () => {
  const opened = await as('planner').openTask({ id: 'story', ...manifest });
  expect(opened).toMatchObject({ id: 'story', state: 'open' });
  expect(await as('planner').openTask({ id: 'story', ...manifest })).toMatchObject({ id: 'story' });

  const details = [{ type: 'mayfly_tool', resources: ['customers/42'] }];
  const asked = { task_id: 'story', audience: 'crm', scope: ['read'], requested_expiry: 60 };
  const issued = await as('agent-1').exchange({ ...asked, authorization_details: details });
  expect(issued).toMatchObject({
    task_id: 'story',
    scope: 'read',
    authorization_details: [expect.objectContaining({ resources: ['customers/42'] })],
  });
  expect(issued.expires_in).toBeLessThanOrEqual(60);
  expect(await as('crm-api').introspect(issued.access_token)).toMatchObject({
    active: true,
    task_id: 'story',
  });
  expect(await as('agent-1').readLease(issued.lease_id)).toMatchObject({ state: 'active' });

  const renewed = await as('agent-1').renewLease(issued.lease_id, { requested_expiry: 60 });
  expect(renewed.lease_id).toBe(issued.lease_id);
  const later = await as('planner').extendTask('story', { ttl: '20m' });
  expect(Date.parse(later.deadline)).toBeGreaterThan(Date.parse(opened.deadline));

  const signalled = await as('crm-api').signalTask('story', { type: 'anomaly', reason: 'asked for it all' });
  expect(signalled).toEqual({
    task_id: 'story',
    type: 'anomaly',
    added: true,
    signals: ['anomaly'],
    ended_leases: 0,
  });

  const report = toolCalls('crm', { lease: issued.lease_id, task: 'story', agent: 'cluster/agent-1' });
  expect(await as('crm-api').reportToolCalls(report)).toEqual({ recorded: 1 });
  expect(await as('crm-api').reportToolCalls(report)).toEqual({ recorded: 0 });

  const second = await as('agent-1').exchange({ task_id: 'story', audience: 'crm' });
  expect(await as('agent-1').releaseLease(second.lease_id)).toMatchObject({ state: 'revoked' });
  const third = await as('agent-1').exchange({ task_id: 'story', resource: 'https://crm.example' });
  await as('agent-1').revokeToken(third.access_token);
  expect(await as('crm-api').introspect(third.access_token)).toEqual({ active: false });

  const ended = await as('planner').completeTask('story', { reason: 'done', waitMs: 1500 });
  expect(ended).toMatchObject({ state: 'settled', outcome: 'completed', reason: 'done' });
  expect(await as('crm-api').introspect(renewed.access_token)).toEqual({ active: false });
  expect(await as('planner').readTask('story')).toMatchObject({ leases: { revoked: 3 } });
});

test('what operators do: look, kill, quarantine, lift', async () => {
  const operator = as('operator');
  await as('planner').openTask({ id: 'odd', ...manifest });
  const { lease_id: lease } = await as('agent-odd').exchange({ task_id: 'odd', audience: 'crm' });
  const select = { agent: 'cluster/agent-odd' };
  expect(await operator.previewRevocation(select)).toMatchObject({ preview: true, dead: 1 });
  expect(await operator.readLease(lease)).toMatchObject({ state: 'active' });
  expect(await operator.revoke({ select, reason: 'odd', quarantine: true })).toMatchObject({
    dead: 1,
    quarantined: true,
  });
  expect(await operator.readLease(lease)).toMatchObject({ state: 'revoked' });
  expect(await operator.listQuarantines()).toMatchObject([{ agent: select.agent, reason: 'odd' }]);
  expect(await operator.liftQuarantine(select.agent)).toMatchObject(select);
  expect(await operator.listQuarantines()).toEqual([]);
  expect(await operator.previewRecovery()).toMatchObject({ preview: true });
  expect(await operator.recover({ reason: 'a test', keep_tasks: true })).toMatchObject({ done: true });
});

test('lists come page by page or as one sequence, and no page is asked for that nobody reads', async () => {
  const planner = as('planner');
  for (const id of ['page-1', 'page-2', 'page-3']) await planner.openTask({ id, ...manifest });
  const first = await planner.listTasks({ limit: 2 });
  expect(first.tasks.map(({ id }) => id)).toEqual(['page-3', 'page-2']);
  expect(first.next).toBe('page-2');

  const asked: AnswerFacts[] = [];
  const counted = new MayflyClient({
    url: broker.url,
    token: () => broker.workloads.token('planner'),
    onAnswer: (answer) => asked.push(answer),
  });
  const seen: string[] = [];
  for await (const { id } of counted.eachTask({ limit: 1, state: 'open' })) {
    seen.push(id);
    if (id === 'page-1') break;
  }
  expect(seen).toEqual(['page-3', 'page-2', 'page-1']);
  expect(asked).toHaveLength(3);
  expect(asked[0]).toMatchObject({ method: 'GET', path: '/v1/tasks', status: 200 });
  expect(asked[0]!.requestId).toMatch(/^req_/);

  for (const _ of [1, 2, 3]) await as('agent-pages').exchange({ task_id: 'page-1', audience: 'crm' });
  const leases = await all(as('agent-pages').eachLease({ limit: 2 }));
  expect(leases).toHaveLength(3);
  const events = await all(as('auditor').eachAuditEvent({ task: 'page-1', limit: 3 }));
  expect(events.map(({ action }) => action)).toEqual([
    'token.exchange',
    'token.exchange',
    'token.exchange',
    'task.open',
  ]);
});

test('what is open to everybody is asked without a token', async () => {
  const nobody = new MayflyClient({ url: broker.url });
  expect(await nobody.metadata()).toMatchObject({ issuer: broker.url });
  expect(await nobody.openidConfiguration()).toMatchObject({ issuer: broker.url });
  expect((await nobody.jwks()).keys).toHaveLength(1);
  await nobody.health();
  expect(await nobody.readiness()).toEqual({ ready: true });
  expect(await failure(nobody.listTools())).toMatchObject({ code: 'ERR_TOKEN_SOURCE' });
  expect(await as('agent-1').listTools()).toHaveLength(2);
});

const endedLease = async (): Promise<unknown> => {
  await as('planner').openTask({ id: 'ended', ...manifest });
  const { lease_id: lease } = await as('agent-1').exchange({ task_id: 'ended', audience: 'crm' });
  await as('agent-1').releaseLease(lease);
  return as('agent-1').renewLease(lease);
};
const unknownToken = (): Promise<unknown> =>
  new MayflyClient({ url: broker.url, token: 'a.b.c' }).listTools();

describe('a refusal is an error with', () => {
  test.each([
    ['ERR_NOT_FOUND', 404, 'not-found', () => as('planner').readTask('nowhere')],
    ['ERR_FORBIDDEN', 403, 'forbidden', () => as('agent-1').openTask({ id: 'mine', ...manifest })],
    ['ERR_CONFLICT', 409, 'lease-ended', () => endedLease()],
    ['ERR_UNAUTHENTICATED', 401, 'unauthenticated', () => unknownToken()],
  ])('the code %s', async (code, status, problem, call) => {
    const error = await failure(call());
    expect(error).toBeInstanceOf(MayflyError);
    expect(error).toMatchObject({ code, status, problem, requestId: expect.stringMatching(/^req_/) });
  });

  test('the flaws of a body', async () => {
    const error = await failure(as('planner').openTask({ ...manifest, agents: [] }));
    expect(error).toMatchObject({ code: 'ERR_REFUSED', status: 400, problem: 'malformed' });
    expect(error.flaws).toEqual([{ at: 'agents', message: expect.any(String) }]);
  });

  test("OAuth's own name for it", async () => {
    const error = await failure(as('agent-1').exchange({ task_id: 'nowhere', audience: 'crm' }));
    expect(error).toMatchObject({ code: 'ERR_REFUSED', status: 400, oauthError: 'invalid_target' });
  });
});

test('a token file is read at each call', async () => {
  const file = join(broker.folder, 'workload.token');
  writeFileSync(file, `${broker.workloads.token('planner')}\n`);
  const client = new MayflyClient({ url: broker.url, token: { file } });
  await client.listTasks();
  writeFileSync(file, 'torn in\ntwo');
  expect(await failure(client.listTasks())).toMatchObject({ code: 'ERR_TOKEN_SOURCE' });
  writeFileSync(file, broker.workloads.token('nobody'));
  expect(await failure(client.listTasks())).toMatchObject({ code: 'ERR_FORBIDDEN' });
});

test('a source of tokens that never answers holds no call up for longer than the broker may', async () => {
  const client = new MayflyClient({ url: broker.url, token: () => new Promise(() => {}), timeoutMs: 50 });
  expect(await failure(client.listTasks())).toMatchObject({ code: 'ERR_TOKEN_SOURCE' });
  const reason = new Error('no longer wanted');
  const signal = AbortSignal.abort(reason);
  expect(await failure(client.listTasks({}, { signal }))).toBe(reason);
});
