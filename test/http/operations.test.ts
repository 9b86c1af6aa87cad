// What operators and auditors do: kill by any selector, look first, quarantine, read the record; and what is open to everybody.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { decodeProtectedHeader } from 'jose';
import type { AuditList } from '../../src/wire/audit.js';
import type { RevocationView } from '../../src/wire/revocations.js';
import { SettableClock } from '../contract/store/harness.js';
import { TestBroker } from '../fixtures/broker.js';
import type { Credential } from '../fixtures/broker-client.js';

const clock = new SettableClock();
let broker: TestBroker;
beforeAll(async () => {
  broker = await TestBroker.start({ clock });
});
afterAll(() => broker.stop());

const alive = async ({ access_token: token }: Credential): Promise<boolean> =>
  (await broker.introspect(token)).active;
const kidOf = ({ access_token: token }: Credential): string => decodeProtectedHeader(token).kid!;

describe('a kill', () => {
  let round = 0;
  let root: string;
  /** agent-1 and agent-2 with crm and search in a tree of two tasks. */
  let credentials: Record<'one' | 'two' | 'below' | 'searching', Credential>;

  beforeEach(async () => {
    root = `kill-${++round}`;
    await broker.openTask({ id: root });
    await broker.openTask({ id: `${root}.a`, parent: root, ttl: '5m' });
    const issue = (agent: string, task: string, audience: string) =>
      broker.credential(agent, { task_id: task, audience });
    credentials = {
      one: await issue('agent-1', root, 'crm'),
      two: await issue('agent-2', root, 'crm'),
      below: await issue('agent-1', `${root}.a`, 'crm'),
      searching: await issue('agent-2', `${root}.a`, 'search'),
    };
  });
  afterEach(() => broker.kill({ all: true }));

  type Name = keyof typeof credentials;
  const ALL: Name[] = ['one', 'two', 'below', 'searching'];
  const SELECTORS: readonly [what: string, select: () => object, dies: Name[]][] = [
    ['a lease', () => ({ lease: credentials.one.lease_id }), ['one']],
    ['a task, and all below it', () => ({ task: root }), ALL],
    ['a task below another', () => ({ task: `${root}.a` }), ['below', 'searching']],
    ['an agent', () => ({ agent: 'cluster/agent-1' }), ['one', 'below']],
    ['a tool', () => ({ tool: 'crm' }), ['one', 'two', 'below']],
    ['a trusted issuer', () => ({ trust: 'cluster' }), ALL],
    ['a signing key', () => ({ key: kidOf(credentials.one) }), ALL],
    ['everything', () => ({ all: true }), ALL],
    ['what is not there', () => ({ agent: 'cluster/nobody' }), []],
    ['a tool whose name has dots', () => ({ tool: 'crm.v2' }), []],
  ];

  test.each(SELECTORS)(
    'of %s ends what it names and nothing else, as its preview said',
    async (_what, selector, dies) => {
      const select = selector();
      const preview = await broker.post<RevocationView>('/v1/revocations?preview=true', 'operator', {
        select,
        reason: 'a test',
      });
      expect([preview.status, preview.body]).toEqual([
        200,
        { select, preview: true, dead: dies.length, settling: 0 },
      ]);
      for (const name of ALL) expect(await alive(credentials[name])).toBe(true);

      const killed = await broker.kill(select);
      expect(killed.status).toBe(202);
      expect(killed.body).toMatchObject({
        select,
        preview: false,
        dead: dies.length,
        settling: 0,
        reason: 'a test',
      });
      const dead: Name[] = [];
      for (const name of ALL) if (!(await alive(credentials[name]))) dead.push(name);
      expect(dead).toEqual(dies);

      const ended =
        dies[0] && (await broker.get(`/v1/leases/${credentials[dies[0]].lease_id}`, 'operator')).body;
      if (ended && !('key' in select)) {
        const request = killed.headers.get('x-request-id');
        expect(ended).toMatchObject({
          state: 'revoked',
          ended: { cause: Object.keys(select)[0], request_id: request },
        });
      }
      const events = await broker.auditOf(killed);
      expect(events).toMatchObject([
        { action: 'revocation.create', outcome: 'permitted', principal: 'cluster/operator' },
      ]);
      expect(await broker.auditOf(preview)).toMatchObject([
        { action: 'revocation.preview', outcome: 'permitted' },
      ]);
    },
  );

  test.each([
    ['an agent', { agent: 'cluster/agent-1' }],
    ['a tool', { tool: 'crm' }],
    ['a trusted issuer', { trust: 'cluster' }],
    ['everything', { all: true }],
  ])('of %s says up to when, and what is issued after it lives', async (_what, select) => {
    const { body } = await broker.kill(select);
    expect(body['cutoff']).toBe(body['at']);
    const later = await broker.credential('agent-1', { task_id: root, audience: 'crm' });
    expect(await alive(later)).toBe(true);
  });

  test('of a task closes it as revoked', async () => {
    await broker.kill({ task: root });
    const { body } = await broker.get(`/v1/tasks/${root}`, 'planner');
    expect(body).toMatchObject({
      state: 'settled',
      outcome: 'revoked',
      closed_by: 'cluster/operator',
      reason: 'a test',
    });
    expect((await broker.exchange('agent-1', { task_id: `${root}.a`, audience: 'crm' })).body.error).toBe(
      'invalid_target',
    );
  });

  test('of a task that is not there yet keeps it from being opened', async () => {
    await broker.kill({ task: `${root}-next` });
    const { status, body } = await broker.openTask({ id: `${root}-next` });
    expect([status, body.type]).toEqual([409, 'urn:mayfly:problem:task-closed']);
  });

  test('of a signing key takes it out of the JWKS at once, and another one signs', async () => {
    const kid = kidOf(credentials.one);
    await broker.kill({ key: kid });
    const later = await broker.credential('agent-1', { task_id: root, audience: 'crm' });
    const { body } = await broker.call<{ keys: { kid: string }[] }>('GET', '/jwks');
    const kids = body.keys.map((key) => key.kid);
    expect(kids).not.toContain(kid);
    expect(kids).toContain(kidOf(later));
    expect([await alive(credentials.one), await alive(later)]).toEqual([false, true]);
    // Nor does it come back with a lease that it signed for.
    expect((await broker.renew(credentials.one.lease_id, 'agent-1')).status).toBe(409);
  });

  test('of a lease says the same when it is asked for again', async () => {
    const select = { lease: credentials.one.lease_id };
    const first = await broker.kill(select);
    clock.advance(1000);
    const again = await broker.kill(select);
    expect([again.status, again.body['at']]).toEqual([202, first.body['at']]);
  });

  test('with a quarantine keeps the agent from getting anything until that is lifted', async () => {
    const exchange = () => broker.exchange('agent-1', { task_id: root, audience: 'crm' });
    const { body } = await broker.kill({ agent: 'cluster/agent-1' }, { quarantine: true });
    expect(body['quarantined']).toBe(true);
    expect((await exchange()).status).toBe(400);
    const listed = await broker.get<{ quarantines: object[] }>('/v1/quarantines', 'operator');
    const quarantine = {
      agent: 'cluster/agent-1',
      since: body['at'],
      by: 'cluster/operator',
      reason: 'a test',
    };
    expect(listed.body.quarantines).toEqual([quarantine]);

    const lifted = await broker.call('DELETE', '/v1/quarantines/cluster/agent-1', { as: 'operator' });
    expect([lifted.status, lifted.body]).toEqual([200, quarantine]);
    expect((await broker.get('/v1/quarantines', 'operator')).body).toEqual({ quarantines: [] });
    expect((await exchange()).status).toBe(200);
    expect(await alive(credentials.one)).toBe(false);
  });

  test.each([
    ['cluster%2Fagent-1', 'cluster/agent-1'],
    ['spiffe://td.example/ns/a', 'spiffe://td.example/ns/a'],
  ])(
    'a quarantine is lifted by the agent’s name, however its slashes are written: %s',
    async (path, agent) => {
      await broker.kill({ agent }, { quarantine: true });
      const { status, body } = await broker.call('DELETE', `/v1/quarantines/${path}`, { as: 'operator' });
      expect([status, body['agent']]).toEqual([200, agent]);
    },
  );

  test('a quarantine goes with an agent only', async () => {
    expect((await broker.kill({ all: true }, { quarantine: true })).status).toBe(400);
  });
});

const page = async (query: string): Promise<AuditList> =>
  (await broker.get<AuditList>(`/v1/audit?${query}`, 'auditor')).body;

describe('the record', () => {
  test('is found by task and all below it, agent, lease and request', async () => {
    await broker.openTask({ id: 'told' });
    await broker.openTask({ id: 'told.a', parent: 'told', ttl: '5m' });
    await broker.openTask({ id: 'tolder' });
    const reply = await broker.exchange('agent-7', { task_id: 'told.a', audience: 'crm' });
    await broker.release(reply.body.lease_id, 'agent-7');
    await broker.complete('told');
    const actions = async (query: Record<string, string>): Promise<string[]> =>
      (await broker.audit(query)).map(({ action }) => action);
    expect(await actions({ task: 'told' })).toEqual([
      'task.complete',
      'lease.release',
      'token.exchange',
      'task.open',
      'task.open',
    ]);
    expect(await actions({ task: 'told.a' })).toEqual(['lease.release', 'token.exchange', 'task.open']);
    expect(await actions({ agent: 'cluster/agent-7' })).toEqual(['lease.release', 'token.exchange']);
    expect(await actions({ lease: reply.body.lease_id })).toEqual(['lease.release', 'token.exchange']);
    expect(await actions({ request: reply.headers.get('x-request-id')! })).toEqual(['token.exchange']);
  });

  test('numbers events in their order, without a gap, and gives them in pages', async () => {
    const [newest] = (await page('limit=1')).events;
    const first = await page(`limit=5&before=${newest!.sequence + 1}`);
    const second = await page(`limit=5&before=${first.next}`);
    const sequences = [...first.events, ...second.events].map(({ sequence }) => sequence);
    expect(sequences).toEqual(Array.from({ length: 10 }, (_, index) => newest!.sequence - index));
    const since = await page(`after=${newest!.sequence - 1}&before=${newest!.sequence + 1}`);
    expect([since.events, since.next]).toEqual([[newest], undefined]);
    const times = [...first.events, ...second.events].map(({ at }) => at);
    expect(times).toEqual(times.toSorted().toReversed());
  });

  test('keeps no token that was pasted where a name belongs (invariant 6)', async () => {
    await broker.openTask({ id: 'pasted' });
    const { access_token: token } = await broker.credential('agent-1', {
      task_id: 'pasted',
      audience: 'crm',
    });
    for (const kind of ['lease', 'task', 'agent', 'tool', 'trust', 'key']) {
      const select = { [kind]: token };
      const reply = await broker.post('/v1/revocations', 'operator', { select, reason: 'a slip' });
      expect(reply.status).toBe(400);
      expect(JSON.stringify(await broker.auditOf(reply))).not.toContain(token.slice(0, 40));
    }
  });

  test('holds one event for every request that was answered, reads as well', async () => {
    await broker.openTask({ id: 'read' });
    const credential = await broker.credential('agent-1', { task_id: 'read', audience: 'crm' });
    const replies = [
      [await broker.get('/v1/tasks', 'planner'), 'task.list'],
      [await broker.get('/v1/tasks/read', 'auditor'), 'task.read'],
      [await broker.get('/v1/leases', 'agent-1'), 'lease.list'],
      [await broker.get(`/v1/leases/${credential.lease_id}`, 'agent-1'), 'lease.read'],
      [await broker.renew(credential.lease_id, 'agent-1'), 'lease.renew'],
      [await broker.post('/v1/tasks/read/extend', 'planner', { ttl: '20m' }), 'task.extend'],
      [await broker.post('/v1/tasks/read/signals', 'crm-api', { type: 'anomaly' }), 'task.signal'],
      [await broker.get('/v1/tools', 'agent-1'), 'tool.list'],
      [await broker.get('/v1/quarantines', 'operator'), 'quarantine.list'],
      [await broker.get('/v1/audit', 'auditor'), 'audit.read'],
    ] as const;
    for (const [reply, action] of replies) {
      expect(reply.status).toBe(200);
      const events = await broker.auditOf(reply);
      expect(events.map((event) => [event.action, event.outcome])).toEqual([[action, 'permitted']]);
    }
  });

  test('a renewal, an issuance and an opening name the policies that decided (invariant 5)', async () => {
    for (const action of ['task.open', 'token.exchange', 'lease.renew']) {
      const event = (await broker.audit({ task: 'read' })).find((one) => one.action === action);
      expect(event!.detail['policy']).toMatch(/^[\w-]{43}$/);
    }
  });
});

describe('open to everybody', () => {
  test('whoever has a role sees the catalogue', async () => {
    const { body } = await broker.get<{ tools: object[] }>('/v1/tools', 'agent-1');
    expect(body.tools).toEqual([
      {
        name: 'crm',
        plane: 'data',
        audience: 'https://crm.example',
        actions: ['read', 'write'],
        sensitivity: 'confidential',
        max_ttl_seconds: 300,
        renewable: true,
        require_dpop: false,
        kind: 'jwt',
      },
      expect.objectContaining({ name: 'search', plane: 'tool', renewable: false }),
    ]);
  });

  test('metadata says where everything is, the same in both places', async () => {
    const oauth = await broker.call('GET', '/.well-known/oauth-authorization-server');
    const oidc = await broker.call('GET', '/.well-known/openid-configuration');
    expect([oauth.status, oidc.body]).toEqual([200, oauth.body]);
    expect(oauth.body).toMatchObject({
      issuer: broker.url,
      token_endpoint: `${broker.url}/token`,
      introspection_endpoint: `${broker.url}/introspect`,
      revocation_endpoint: `${broker.url}/revoke`,
      jwks_uri: `${broker.url}/jwks`,
      grant_types_supported: ['urn:ietf:params:oauth:grant-type:token-exchange'],
      token_endpoint_auth_methods_supported: ['none'],
      authorization_details_types_supported: ['mayfly_tool'],
    });
  });

  test('keys are public ones, to be kept for a while', async () => {
    const { headers, body } = await broker.call<{ keys: Record<string, unknown>[] }>('GET', '/jwks');
    expect(headers.get('content-type')).toBe('application/jwk-set+json');
    expect(headers.get('cache-control')).toBe('public, max-age=300');
    for (const key of body.keys) {
      expect(key).toMatchObject({ use: 'sig', alg: 'ES256', kty: 'EC', crv: 'P-256' });
      expect(key).not.toHaveProperty('d');
    }
  });

  test.each([
    ['/healthz', { status: 'alive' }],
    ['/readyz', { status: 'ready' }],
  ])('%s', async (path, body) => {
    const reply = await broker.call('GET', path);
    expect([reply.status, reply.body, reply.headers.get('cache-control')]).toEqual([200, body, 'no-store']);
    const head = await broker.call('HEAD', path);
    expect([head.status, head.text]).toEqual([200, '']);
  });

  test.each([
    '/jwks',
    '/healthz',
    '/readyz',
    '/.well-known/oauth-authorization-server',
    '/token',
    '/v1/tools',
    '/',
  ])('%s answers with a request id of its own, whatever it answers', async (path) => {
    const ids = [await broker.call('GET', path), await broker.call('GET', path)].map(({ headers }) =>
      headers.get('x-request-id'),
    );
    expect(ids[0]).toMatch(/^req_/);
    expect(ids[1]).not.toBe(ids[0]);
  });
});
