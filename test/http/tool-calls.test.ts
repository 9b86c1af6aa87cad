// Verifiers put tool calls on record: for their own tools, each once, and found where one looks for a task's story.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { TestBroker } from '../fixtures/broker.js';
import { toolCall, toolCalls } from '../fixtures/tool-calls.js';

const PATH = '/v1/audit/tool-calls';

let broker: TestBroker;
beforeAll(async () => {
  broker = await TestBroker.start();
});
afterAll(() => broker.stop());

const calls = async (query: Record<string, string>) =>
  (await broker.audit(query)).filter(({ action }) => action === 'tool.call');

test('a call stands in the story of its task, of its agent and of its lease, with who told of it', async () => {
  await broker.openTask({ id: 'told' });
  const { lease_id: lease } = await broker.credential('agent-7', { task_id: 'told', audience: 'crm' });
  const facts = { lease, task: 'told', agent: 'cluster/agent-7', resource: 'customers/42' };
  const report = toolCalls('crm', facts);
  const refused = toolCall('crm', { ...facts, outcome: 'refused', reason: 'revoked' });
  const sent = { ...report, dropped: 3, calls: [...report.calls, refused] };
  const reply = await broker.post(PATH, 'crm-api', sent);
  expect([reply.status, reply.body]).toEqual([202, { recorded: 2 }]);
  const reported = { reported_by: 'cluster/crm-api', reported_at: '2026-03-01T12:00:00.000Z' };
  const told = [
    {
      outcome: 'refused',
      detail: { ...reported, action: 'read', resource: 'customers/42', reason: 'revoked' },
    },
    { outcome: 'permitted', detail: { ...reported, action: 'read', resource: 'customers/42' } },
  ].map((one) => expect.objectContaining({ ...one, lease_id: lease, task_id: 'told', tool: 'crm' }));
  expect(await calls({ task: 'told' })).toEqual(told);
  expect(await calls({ lease })).toEqual(told);
  expect(await calls({ agent: 'cluster/agent-7' })).toEqual(told);
  const ofReport = await broker.audit({ request: reply.headers.get('x-request-id')! });
  expect(ofReport[0]).toMatchObject({
    action: 'tool.report',
    principal: 'cluster/crm-api',
    detail: { batch: sent.batch, calls: 2, dropped: 3, recorded: 2 },
  });
});

test('the same batch again is recorded once, and of another verifier it is another batch', async () => {
  const report = toolCalls('crm', { task: 'twice' });
  const recorded = [];
  for (const as of ['crm-api', 'crm-api', 'gateway'])
    recorded.push((await broker.post(PATH, as, report)).body);
  expect(recorded).toEqual([{ recorded: 1 }, { recorded: 0 }, { recorded: 1 }]);
  expect(await calls({ task: 'twice' })).toHaveLength(2);
});

test("one call of a tool that is not the verifier's own, and nothing of the batch is recorded", async () => {
  const report = toolCalls('crm', { task: 'mixed' });
  const mixed = { ...report, calls: [...report.calls, toolCall('search', { task: 'mixed' })] };
  expect((await broker.post(PATH, 'crm-api', mixed)).status).toBe(404);
  expect(await broker.audit({ task: 'mixed' })).toEqual([]);
  // Its name is not taken by that.
  expect((await broker.post(PATH, 'crm-api', report)).body).toEqual({ recorded: 1 });
});

test('500 calls are taken, though the body is larger than others may be, and one more is not', async () => {
  const { batch } = toolCalls('crm');
  const many = Array.from({ length: 500 }, () =>
    toolCall('crm', { task: 'many', agent: 'cluster/agent-1', resource: 'r'.repeat(300) }),
  );
  expect((await broker.post(PATH, 'crm-api', { batch, calls: many })).body).toEqual({ recorded: 500 });
  const more = { batch: `${batch}-2`, calls: [...many, toolCall('crm')] };
  expect((await broker.post(PATH, 'crm-api', more)).status).toBe(400);
});

test.each([
  ['a task that is none', { task: 'a b' }],
  ['an agent that is none', { agent: 'eyJhbGciOiJFUzI1NiJ9' }],
  ['a lease that is none', { lease: 'lease_1' }],
  ['a digest that is none', { token_digest: 'abc' }],
  ['a reason of an accepted call', { reason: 'revoked' as const }],
  ['names of details that are none', { detail: { 'No name': 1 } }],
])('%s is refused', async (_what, facts) => {
  expect((await broker.post(PATH, 'crm-api', toolCalls('crm', facts))).status).toBe(400);
});
