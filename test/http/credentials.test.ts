// Several credentials in one call: each as the token endpoint would have answered, and each on record.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { MayflyClient } from '../../src/sdk/client/index.js';
import type { CredentialsView } from '../../src/wire/credentials.js';
import type { TokenResponse } from '../../src/wire/token.js';
import { ran } from '../cli/fake-shell.js';
import { Secret } from '../../src/domain/secret.js';
import { TestBroker } from '../fixtures/broker.js';

let broker: TestBroker;
beforeAll(async () => {
  broker = await TestBroker.start({
    terms: { limits: { live_leases_per_task: 3 } },
  });
});
afterAll(() => broker.stop());

const ask = (task: string, credentials: object[], as = 'agent-1') =>
  broker.post<CredentialsView>(`/v1/tasks/${task}/credentials`, as, { credentials });
const leaseIn = (one: object): string => (one as TokenResponse).lease_id;

test('what may be had is issued, and what may not be had says why, each in its place', async () => {
  await broker.openTask({ id: 'run-1' });
  const reply = await ask('run-1', [
    { audience: 'crm', scope: 'read' },
    { audience: 'none' },
    { audience: 'crm', scope: 'destroy' },
    { audience: 'search', requested_expiry: 20 },
    { audience: 'crm', scope: '' },
  ]);
  expect(reply.status).toBe(200);
  const [crm, none, excess, search, nothing] = reply.body.credentials;
  expect(crm).toMatchObject({ scope: 'read', task_id: 'run-1', token_type: 'Bearer' });
  expect((search as TokenResponse).expires_in).toBeLessThanOrEqual(20);
  expect([none, excess, nothing]).toMatchObject([
    { error: 'invalid_target', status: 400 },
    { error: 'invalid_scope', status: 400 },
    { error: 'invalid_scope', status: 400 },
  ]);
  // Word for word what the token endpoint says.
  const { body: alone } = await broker.exchange('agent-1', { task_id: 'run-1', audience: 'none' });
  const { status: _, ...said } = none as { status: number };
  expect(said).toEqual(alone);
});

test('each is on record by itself under the one request, and dies with the task', async () => {
  await broker.openTask({ id: 'run-2' });
  const reply = await ask('run-2', [{ audience: 'crm' }, { audience: 'none' }, { audience: 'search' }]);
  const events = await broker.auditOf(reply);
  const of = (action: string) => events.filter((event) => (event as { action: string }).action === action);
  expect(of('token.exchange')).toHaveLength(3);
  expect(
    of('token.exchange').filter((one) => (one as { outcome: string }).outcome === 'permitted'),
  ).toHaveLength(2);
  expect(of('token.exchange')).toContainEqual(
    expect.objectContaining({ outcome: 'refused', reason: 'target_unknown', principal: 'cluster/agent-1' }),
  );
  expect(of('task.credentials')).toMatchObject([{ outcome: 'permitted', detail: { asked: 3, issued: 2 } }]);
  await broker.complete('run-2');
  for (const one of [reply.body.credentials[0]!, reply.body.credentials[2]!]) {
    const { access_token: token } = one as TokenResponse;
    const { body } = await broker.call('POST', '/introspect', { as: 'gateway', form: { token } });
    expect(body).toEqual({ active: false });
  }
});

test('they are decided in their order, and a limit that is reached in the middle refuses the rest', async () => {
  await broker.openTask({ id: 'run-3' });
  const { body } = await ask(
    'run-3',
    Array.from({ length: 5 }, () => ({ audience: 'crm' })),
  );
  expect(body.credentials.map((one) => ('error' in one ? one.status : 200))).toEqual([
    200, 200, 200, 429, 429,
  ]);
});

test('a task that is not there, or is not this agent’s, looks as it does at the token endpoint', async () => {
  const { status, body } = await ask('none', [{ audience: 'crm' }]);
  expect([status, body.credentials]).toMatchObject([200, [{ error: 'invalid_target', status: 400 }]]);
});

test.each([
  ['none at all', []],
  ['more than sixteen', Array.from({ length: 17 }, () => ({ audience: 'crm' }))],
])('%s: the whole request is refused, and nothing is issued', async (_what, credentials) => {
  expect((await ask('run-1', credentials)).status).toBe(400);
});

test('the client and the command line ask for them, and a refusal is told by the exit code', async () => {
  await broker.openTask({ id: 'run-4' });
  const token = broker.workloads.token('agent-1');
  const client = new MayflyClient({ url: broker.url, token });
  const { credentials } = await client.issueCredentials('run-4', [{ audience: 'crm' }]);
  expect(leaseIn(credentials[0]!)).toMatch(/^lease_/);
  const environment = { url: broker.url, token: new Secret(token) };
  const args = [
    'task',
    'credentials',
    'run-4',
    '--tool',
    'crm:read@customers/42',
    '--tool',
    'none',
    '--json',
  ];
  const { exit, out } = await ran(args, { environment, input: '' });
  const printed = JSON.parse(out) as CredentialsView;
  expect(exit).toBe(1);
  expect(printed.credentials).toMatchObject([
    { scope: 'read', authorization_details: [{ resources: ['customers/42'] }] },
    { error: 'invalid_target' },
  ]);
});
