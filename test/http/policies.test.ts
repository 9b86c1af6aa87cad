// Policies over HTTP: what is decided on, what a permit obliges to, and what comes to pass in a task while it lives.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import type { LeaseView } from '../../src/wire/leases.js';
import type { SignalView, TaskView } from '../../src/wire/tasks.js';
import { MOST_TYPES } from '../../src/tasks/signal-task.js';
import { SettableClock } from '../contract/store/harness.js';
import { TestBroker } from '../fixtures/broker.js';
import { CRM, SEARCH } from '../fixtures/broker-configuration.js';

const WEB = { ...SEARCH, audience: 'https://web.example', actions: ['fetch'], renewable: true };
const MAIL = { ...SEARCH, audience: 'https://mail.example', actions: ['send'] };
const ONCE = { ...SEARCH, audience: 'https://once.example', actions: ['go'], renewable: true };
const TOOLS = { crm: CRM, search: SEARCH, web: WEB, mail: MAIL, once: ONCE };

const POLICIES = `
@id("tasks") @max_ttl("2h")
permit (principal is Orchestrator, action, resource);
@id("agents") @max_ttl("2m")
permit (principal is Agent, action, resource) unless { ["mail", "once"].contains(context.task.id) };
@id("once") @single_use
permit (principal is Agent, action, resource == Tool::"once");
@id("mail") @approval("Ask the owner of the mailbox.")
permit (principal is Agent, action == Action::"exchange", resource == Tool::"mail");
@id("proof") @require_dpop
permit (principal is Agent, action, resource) when { context.labels.contains("proof=yes") };
@id("writes") @reason("This task only reads.")
forbid (principal, action, resource) when { context.actions.contains("write") && context.labels.contains("mode=read") };
@id("untrusted")
forbid (principal is Agent, action, resource == Tool::"web") when { context.signals.contains("untrusted_content") };
@id("holds-customers")
forbid (principal is Agent, action, resource == Tool::"web") when { context.held.data.contains("confidential") };
@id("probing")
forbid (principal is Agent, action, resource) when { context.refusals >= 3 };
`;

const clock = new SettableClock();
let broker: TestBroker;
beforeAll(async () => {
  broker = await TestBroker.start({ clock });
  write(POLICIES);
  broker.configure({ tools: TOOLS, policies: './policies' });
  expect(await broker.live.reload()).toMatchObject({ swapped: true });
});
afterAll(() => broker.stop());

function write(text: string): void {
  mkdirSync(join(broker.folder, 'policies'), { recursive: true });
  writeFileSync(join(broker.folder, 'policies', 'test.cedar'), text);
}

const ALL_TOOLS = Object.entries(TOOLS).map(([tool, { actions }]) => ({ tool, actions }));
let opened = 0;
/** A task of its own for each test. */
async function open(labels: Record<string, string> = {}, id = `run-${++opened}`): Promise<string> {
  await broker.openTask({ id, ttl: '1h', agents: ['cluster/agent-*'], tools: ALL_TOOLS, labels });
  return id;
}
const exchange = (id: string, tool: string, scope?: string, agent = 'agent-1') =>
  broker.exchange(agent, { task_id: id, audience: tool, ...(scope !== undefined && { scope }) });
const signal = (id: string, type: string, as = 'planner') =>
  broker.post<SignalView>(`/v1/tasks/${id}/signals`, as, { type });
const leaseOf = async (id: string): Promise<LeaseView> =>
  (await broker.get<LeaseView>(`/v1/leases/${id}`, 'operator')).body;
const introspect = async (token: string, as: string): Promise<Record<string, unknown>> =>
  (await broker.call<Record<string, unknown>>('POST', '/introspect', { as, form: { token } })).body;

describe('a decision', () => {
  test('is on record with all that it rested on, and no secret', async () => {
    const id = await open({ team: 'billing' });
    const { headers, body } = await exchange(id, 'crm', 'read');
    const [event] = await broker.audit({ request: headers.get('x-request-id')! });
    expect(event?.detail).toMatchObject({
      policy: (await leaseOf(body.lease_id)).policy_digest,
      determining: ['agents'],
      input: {
        action: 'exchange',
        principal: { type: 'Agent', id: 'cluster/agent-1', trust: 'cluster', tags: { sub: ['agent-1'] } },
        tools: [{ name: 'crm', plane: 'data', sensitivity: 'confidential', actions: ['read'] }],
        tasks: [{ id, labels: ['team=billing'] }],
        ttl: 300,
        address: '127.0.0.1',
      },
    });
    expect(JSON.stringify(event)).not.toContain('eyJ');
  });

  test('denied is told without a why, unless whoever wrote the policy gives one', async () => {
    const denied = await broker.post('/v1/tasks', 'planner', {
      id: 'run-reads',
      purpose: 'p',
      ttl: '1h',
      agents: ['*'],
      tools: [{ tool: 'crm', actions: ['write'] }],
      labels: { mode: 'read' },
    });
    expect([denied.status, denied.body.detail]).toEqual([403, 'This task only reads.']);
  });

  test('to open a task is one, and bounds how long it lasts, extensions included', async () => {
    const body = { purpose: 'p', agents: ['*'], tools: [{ tool: 'crm', actions: ['read'] }], ttl: '5h' };
    const task = await broker.post<TaskView>('/v1/tasks', 'planner', { ...body, id: 'run-long' });
    expect(Date.parse(task.body.deadline) - Date.parse(task.body.opened_at)).toBe(2 * 3_600_000);
    const again = await broker.post<TaskView>('/v1/tasks', 'planner', { ...body, id: 'run-long' });
    expect([again.status, again.body.deadline]).toEqual([200, task.body.deadline]);
    const short = await broker.post<TaskView>('/v1/tasks', 'planner', {
      ...body,
      id: 'run-short',
      ttl: '1h',
    });
    expect(short.status).toBe(201);
    const extend = (ttl: string) => broker.post('/v1/tasks/run-short/extend', 'planner', { ttl });
    expect((await extend('90m')).status).toBe(200);
    const refused = await extend('3h');
    expect([refused.status, refused.body.detail]).toEqual([400, 'by policy this task may last 2h in all']);
  });
});

describe('obligations', () => {
  test('@max_ttl bounds the credential', async () => {
    expect((await exchange(await open(), 'crm')).body.expires_in).toBeLessThanOrEqual(120);
  });

  test('@require_dpop refuses whoever proves no key', async () => {
    const { status, body } = await exchange(await open({ proof: 'yes' }), 'crm');
    expect([status, body.error]).toEqual([400, 'invalid_dpop_proof']);
  });

  test('@approval is access_denied, with what has to be approved', async () => {
    const { status, body } = await exchange(await open(), 'mail');
    expect([status, body]).toEqual([
      400,
      {
        error: 'access_denied',
        error_description: 'Somebody has to approve this first. Ask the owner of the mailbox.',
      },
    ]);
  });

  test('@approval is counted as an effect of its own', async () => {
    await exchange(await open(), 'mail');
    const { text } = await broker.get('/metrics', 'auditor');
    expect(text).toMatch(/^mayfly_policy_decisions_total\{action="exchange",effect="approval"\} [1-9]/m);
  });

  test('@single_use is active once, through introspection, and refused by whoever checks for itself', async () => {
    const { body } = await exchange(await open(), 'once');
    expect(body.single_use).toBe(true);
    expect(decodeProtectedHeader(body.access_token).typ).toBe('mayfly-single-use+jwt');
    expect(decodeJwt(body.access_token)).toMatchObject({ single_use: true });
    expect(await leaseOf(body.lease_id)).toMatchObject({ single_use: true, state: 'active' });
    // To look at it is not to use it; and whom it does not concern uses nothing up.
    expect(await introspect(body.access_token, 'operator')).toMatchObject({ active: true });
    expect(await introspect(body.access_token, 'crm-api')).toEqual({ active: false });
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => introspect(body.access_token, 'gateway')),
    );
    expect(answers.filter(({ active }) => active)).toHaveLength(1);
    expect(await introspect(body.access_token, 'gateway')).toEqual({ active: false });
    const renewed = await broker.post(`/v1/leases/${body.lease_id}/renew`, 'agent-1', {});
    expect([renewed.status, renewed.body.type]).toEqual([403, 'urn:mayfly:problem:not-renewable']);
  });
});

describe('a signal', () => {
  test('ends at once what it forbids, in the whole tree, and nothing else', async () => {
    const id = await open();
    await broker.openTask({
      id: `${id}.part`,
      parent: id,
      ttl: '1h',
      agents: ['cluster/agent-*'],
      tools: ALL_TOOLS,
    });
    const web = await exchange(id, 'web');
    const below = await exchange(`${id}.part`, 'web', undefined, 'agent-2');
    const search = await exchange(id, 'search');
    const { status, body } = await signal(`${id}.part`, 'untrusted_content');
    expect([status, body]).toEqual([
      200,
      {
        task_id: id,
        type: 'untrusted_content',
        added: true,
        signals: ['untrusted_content'],
        ended_leases: 2,
      },
    ]);
    for (const { body: credential } of [web, below]) {
      expect(await introspect(credential.access_token, 'gateway')).toEqual({ active: false });
      expect((await leaseOf(credential.lease_id)).ended).toMatchObject({
        cause: 'lease',
        reason: 'policy',
      });
    }
    expect(await introspect(search.body.access_token, 'gateway')).toMatchObject({ active: true });
    expect((await exchange(id, 'web')).body.error).toBe('invalid_target');
    expect((await exchange(id, 'search')).status).toBe(200);
    const read = await broker.get<TaskView>(`/v1/tasks/${id}.part`, 'planner');
    expect(read.body.signals).toEqual(['untrusted_content']);
    expect(await broker.audit({ lease: web.body.lease_id })).toContainEqual(
      expect.objectContaining({
        action: 'lease.review',
        detail: expect.objectContaining({ determining: ['untrusted'] }),
      }),
    );
  });

  test('again changes nothing', async () => {
    const id = await open();
    await signal(id, 'anomaly');
    expect((await signal(id, 'anomaly')).body).toMatchObject({ added: false, ended_leases: 0 });
  });

  test('refuses the renewal of what it forbids', async () => {
    const id = await open();
    const { body } = await exchange(id, 'web');
    await signal(id, 'untrusted_content');
    expect((await broker.post(`/v1/leases/${body.lease_id}/renew`, 'agent-1', {})).status).toBe(403);
  });

  test.each<[who: string, status: number]>([
    ['planner', 200],
    ['crm-api', 200],
    ['gateway', 200],
    ['planner-2', 404],
    ['operator', 403],
    ['agent-1', 403],
  ])('by %s: %i', async (as, status) => {
    expect((await signal(await open(), 'anomaly', as)).status).toBe(status);
  });

  test('by a verifier of none of its tools looks as if the task were not there', async () => {
    await broker.openTask({
      id: 'run-crm',
      ttl: '1h',
      agents: ['*'],
      tools: [{ tool: 'crm', actions: ['read'] }],
    });
    const [theirs, none] = [
      await signal('run-crm', 'anomaly', 'search-api'),
      await signal('run-no', 'anomaly', 'search-api'),
    ];
    expect([theirs.status, theirs.body]).toEqual([404, { ...none.body, request_id: expect.any(String) }]);
  });

  test('of one type more than a tree may have is refused for good, of one that it has it is not', async () => {
    const id = await open();
    for (let nth = 0; nth < MOST_TYPES; nth++) expect((await signal(id, `type_${nth}`)).status).toBe(200);
    const { status, body, headers } = await signal(id, 'one_more');
    expect([status, body, headers.get('retry-after')]).toEqual([
      409,
      expect.objectContaining({ type: 'urn:mayfly:problem:too-many-signals' }),
      null,
    ]);
    expect((await signal(id, 'type_0')).body).toMatchObject({ added: false });
  });

  test('to a task that is closed is refused', async () => {
    const id = await open();
    await broker.post(`/v1/tasks/${id}/complete`, 'planner', {});
    expect((await signal(id, 'anomaly')).status).toBe(409);
  });

  test('beside exchanges at the same time leaves nothing alive that it forbids', async () => {
    const id = await open();
    const asked = Array.from({ length: 24 }, (_, nth) => exchange(id, 'web', undefined, `agent-${nth}`));
    const [, ...answers] = await Promise.all([signal(id, 'untrusted_content'), ...asked]);
    const issued = answers.filter(({ status }) => status === 200);
    for (const { body } of issued) expect((await leaseOf(body.lease_id)).state).toBe('revoked');
    expect((await exchange(id, 'web')).status).toBe(400);
  });
});

describe('what a tree holds', () => {
  test('ends what it forbids before the credential that did so is handed out', async () => {
    const id = await open();
    const web = await exchange(id, 'web');
    const crm = await exchange(id, 'crm');
    expect([web.status, crm.status]).toEqual([200, 200]);
    expect(await introspect(web.body.access_token, 'gateway')).toEqual({ active: false });
    expect((await exchange(id, 'web')).status).toBe(400);
  });

  test('stays held when the lease has ended', async () => {
    const id = await open();
    const { body } = await exchange(id, 'crm');
    await broker.call('DELETE', `/v1/leases/${body.lease_id}`, { as: 'agent-1' });
    expect((await exchange(id, 'web')).status).toBe(400);
  });

  test('is seen by each of two requests at the same time: never are both alive', async () => {
    for (let round = 0; round < 12; round++) {
      const id = await open();
      const [web, crm] = await Promise.all([exchange(id, 'web'), exchange(id, 'crm', undefined, 'agent-2')]);
      expect(crm.status).toBe(200);
      if (web.status === 200)
        expect(await introspect(web.body.access_token, 'gateway')).toEqual({ active: false });
    }
  });
});

test('refusals of the agents of a task count against it, and against no other', async () => {
  const id = await open();
  for (let nth = 0; nth < 3; nth++) expect((await exchange(id, 'crm', 'fly')).status).toBe(400);
  expect((await exchange(id, 'search')).body.error).toBe('invalid_target');
  expect((await exchange(await open(), 'search')).status).toBe(200);
});

test('a child never has what its parent would not get', async () => {
  const id = await open({ proof: 'yes' });
  const child = { id: `${id}.part`, parent: id, ttl: '1h', agents: ['cluster/agent-*'], tools: ALL_TOOLS };
  await broker.openTask({ ...child, labels: { proof: 'no' } });
  expect((await exchange(child.id, 'crm')).body.error).toBe('invalid_dpop_proof');
});

test('a tool credential carries no data actions, and a data credential none of a tool', async () => {
  const id = await open();
  for (const [tool, scope] of [
    ['search', 'read'],
    ['search', 'query read'],
    ['crm', 'query'],
    ['crm', 'read query'],
  ] as const)
    expect((await exchange(id, tool, scope)).body.error).toBe('invalid_scope');
  const details = JSON.stringify([{ type: 'mayfly_tool', actions: ['read'], resources: ['customers/1'] }]);
  const mixed = await broker.exchange('agent-1', {
    task_id: id,
    audience: 'search',
    authorization_details: details,
  });
  expect(mixed.body.error).toBe('invalid_authorization_details');
});

const only = (tool: string): string =>
  `@id("tasks") permit (principal is Orchestrator, action, resource);
   @id("${tool}") permit (principal is Agent, action, resource == Tool::"${tool}");`;

describe('a reload', () => {
  test('with a mistake keeps the policies in force, and says where it is', async () => {
    const id = await open();
    write(`${POLICIES}\npermit (principal, action, resource) when { context.nothing == 1 };`);
    const reloaded = await broker.live.reload();
    expect(reloaded).toMatchObject({
      swapped: false,
      why: expect.stringMatching(
        /policies\/test\.cedar:\d+:\d+: attribute `nothing` in context .* not found/,
      ),
    });
    expect((await exchange(id, 'mail')).body.error).toBe('access_denied');
    expect((await exchange(id, 'search')).status).toBe(200);
    write(POLICIES);
  });

  test('in the middle of requests decides each by one whole set, and never by none', async () => {
    const id = await open();
    const seen = new Set<string>();
    for (const tool of ['crm', 'search', 'crm', 'search']) {
      write(only(tool));
      const during = Promise.all(
        Array.from({ length: 20 }, async () => {
          const { headers } = await exchange(id, 'search');
          const [event] = await broker.audit({ request: headers.get('x-request-id')! });
          return `${event?.outcome} ${String(event?.detail['determining'])}`;
        }),
      );
      await broker.live.reload();
      for (const one of await during) seen.add(one);
    }
    write(POLICIES);
    await broker.live.reload();
    const known = new Set(['permitted search', 'permitted agents', 'refused ', 'refused probing']);
    expect([...seen].filter((one) => !known.has(one))).toEqual([]);
  });
});
