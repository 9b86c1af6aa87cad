// Credentials over HTTP: what is in them, what bounds them, and how they are renewed, given back and looked at.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import type { LeaseList, LeaseView } from '../../src/wire/leases.js';
import { TOKEN_TYPE } from '../../src/wire/token.js';
import { SettableClock } from '../contract/store/harness.js';
import { TestBroker } from '../fixtures/broker.js';
import type { Credential } from '../fixtures/broker-client.js';
import { CRM, SEARCH } from '../fixtures/broker-configuration.js';

const clock = new SettableClock();
let broker: TestBroker;
beforeAll(async () => {
  broker = await TestBroker.start({ clock });
  await broker.openTask({
    id: 'run-1',
    ttl: '1h',
    agents: ['cluster/agent-1', 'cluster/agent-2'],
    tools: [
      { tool: 'crm', actions: ['read', 'write'], resources: ['customers/*', 'orders/7'] },
      { tool: 'search', actions: ['query'] },
    ],
  });
});
afterAll(() => broker.stop());
/** So that the arithmetic of whole seconds can be read off the numbers. */
beforeEach(() => clock.advance((1000 - (clock.now() % 1000)) % 1000));

const seconds = (): number => Math.floor(clock.now() / 1000);
const detail = (resources: string[], actions?: string[]) => ({
  type: 'mayfly_tool',
  ...(actions && { actions }),
  resources,
});
const ALL = [{ type: 'mayfly_tool', actions: ['read', 'write'], resources: ['customers/*', 'orders/7'] }];

const claimsOf = ({ access_token: token }: Credential): Record<string, unknown> => decodeJwt(token);

describe('POST /token', () => {
  test('answers with a credential for one task, one agent, one tool and one plane (invariant 3)', async () => {
    const { status, headers, body } = await broker.exchange('agent-1', { task_id: 'run-1', audience: 'crm' });
    expect([status, headers.get('cache-control')]).toEqual([200, 'no-store']);
    expect(body).toEqual({
      access_token: expect.any(String),
      issued_token_type: TOKEN_TYPE.accessToken,
      token_type: 'Bearer',
      expires_in: 300,
      scope: 'read write',
      authorization_details: ALL,
      lease_id: expect.stringMatching(/^lease_[0-9a-z]{28}$/),
      task_id: 'run-1',
      revocation: 'pushed',
    });
    expect(decodeProtectedHeader(body.access_token)).toEqual({
      alg: 'ES256',
      typ: 'at+jwt',
      kid: expect.any(String),
    });
    expect(decodeJwt(body.access_token)).toEqual({
      iss: broker.url,
      sub: 'cluster/agent-1',
      aud: 'https://crm.example',
      iat: seconds(),
      nbf: seconds(),
      exp: seconds() + 300,
      jti: body.lease_id,
      client_id: 'cluster/agent-1',
      scope: 'read write',
      task_id: 'run-1',
      tool: 'crm',
      plane: 'data',
      authorization_details: ALL,
    });
  });

  test.each([
    ['its name', { audience: 'search' }],
    ['its URI', { resource: 'https://search.example' }],
    ['both', { audience: 'search', resource: 'https://search.example' }],
  ])('names the tool by %s', async (_how, target) => {
    const { access_token: token } = await broker.credential('agent-1', { task_id: 'run-1', ...target });
    expect(decodeJwt(token)).toMatchObject({ aud: 'https://search.example', tool: 'search', plane: 'tool' });
  });

  test.each(Object.values(TOKEN_TYPE))('takes a subject token of type %s', async (type) => {
    const parameters = { task_id: 'run-1', audience: 'search', subject_token_type: type };
    expect((await broker.exchange('agent-1', parameters)).status).toBe(200);
  });

  test('refuses details that leave an action of the scope without a bound (invariant 4)', async () => {
    const parameters = { task_id: 'run-1', audience: 'crm', scope: 'read write' };
    const details = JSON.stringify([detail(['customers/1'], ['read'])]);
    const refused = await broker.exchange('agent-1', { ...parameters, authorization_details: details });
    expect([refused.status, refused.text]).toEqual([
      400,
      expect.stringContaining('action write is in the scope'),
    ]);
  });

  test('refuses details that say a member twice: two readers would take them for two', async () => {
    const details = '[{"type":"mayfly_tool","resources":["customers/1"],"resources":["customers/*"]}]';
    for (const text of [details, `${details},"x":1`, '{}', 'nonsense']) {
      const parameters = { task_id: 'run-1', audience: 'crm', authorization_details: text };
      const refused = await broker.exchange('agent-1', parameters);
      expect([refused.status, refused.text]).toEqual([
        400,
        expect.stringContaining('invalid_authorization_details'),
      ]);
    }
  });

  test('an empty scope asks for nothing, which is not to leave it out', async () => {
    const refused = await broker.exchange('agent-1', { task_id: 'run-1', audience: 'crm', scope: ' ' });
    expect([refused.status, refused.text]).toEqual([400, expect.stringContaining('invalid_scope')]);
  });

  test('a narrower scope, named once however often it is named', async () => {
    const parameters = { task_id: 'run-1', audience: 'crm', scope: ' read  read ' };
    const { scope, access_token: token } = await broker.credential('agent-1', parameters);
    expect([scope, decodeJwt(token)['scope']]).toEqual(['read', 'read']);
  });

  test('narrower details, granted as they are returned, signed and introspected', async () => {
    const asked = [detail(['customers/42'], ['read']), detail(['orders/7'])];
    const granted = [detail(['customers/42'], ['read']), detail(['orders/7'], ['read', 'write'])].map(
      ({ type, actions, resources }) => ({ type, actions, resources }),
    );
    const credential = await broker.credential('agent-1', {
      task_id: 'run-1',
      audience: 'crm',
      authorization_details: JSON.stringify(asked),
    });
    expect(credential.authorization_details).toEqual(granted);
    expect(decodeJwt(credential.access_token)['authorization_details']).toEqual(granted);
    expect((await broker.introspect(credential.access_token))['authorization_details']).toEqual(granted);
    const { body } = await broker.get<LeaseView>(`/v1/leases/${credential.lease_id}`, 'agent-1');
    expect(body.authorization_details).toEqual(granted);
  });

  test('no resources in the manifest, no details in the answer', async () => {
    const credential = await broker.credential('agent-1', { task_id: 'run-1', audience: 'search' });
    expect(credential).not.toHaveProperty('authorization_details');
  });

  test.each([
    ['what is asked', { requested_expiry: '17' }, 'run-1', 17],
    ['what the tool allows', { requested_expiry: '3000' }, 'run-1', 300],
    ['what is left of the task', {}, 'short', 45],
  ])('lives as long as %s, if that is the least (invariant 4)', async (_what, more, task, expected) => {
    await broker.openTask({ id: 'short', ttl: 45 });
    const credential = await broker.credential('agent-1', { task_id: task, audience: 'crm', ...more });
    expect(credential.expires_in).toBe(expected);
    expect(decodeJwt(credential.access_token).exp).toBe(seconds() + expected);
  });

  test('ends on a whole second before the deadline, whatever the millisecond of each', async () => {
    for (const [opened, asked] of [
      [0, 0],
      [1, 998],
      [999, 1],
      [500, 500],
      [250, 749],
    ] as const) {
      clock.advance(opened);
      const { body: task } = await broker.openTask({ ttl: 5 });
      clock.advance(asked);
      const { access_token: token } = await broker.credential('agent-1', {
        task_id: task.id,
        audience: 'crm',
      });
      const { exp } = decodeJwt(token);
      expect(Number.isInteger(exp)).toBe(true);
      expect(exp! * 1000).toBeLessThanOrEqual(Date.parse(task.deadline));
    }
  });

  test('where not a whole second begins before the deadline, there is no credential', async () => {
    clock.advance(500);
    const { body: task } = await broker.openTask({ ttl: 5 });
    clock.advance(4500);
    const reply = await broker.exchange('agent-1', { task_id: task.id, audience: 'crm' });
    expect([reply.status, reply.body.error]).toEqual([400, 'invalid_target']);
    expect(await broker.auditOf(reply)).toMatchObject([{ outcome: 'refused', reason: 'task_ending' }]);
  });

  test('is found by its address with a query behind it (RFC 6749 §3.2)', async () => {
    const form = broker.exchangeForm('agent-1', { task_id: 'run-1', audience: 'search' });
    expect((await broker.call('POST', '/token?tenant=1', { form })).status).toBe(200);
  });
});

describe('renewing', () => {
  test('gives another credential under the same lease, for longer', async () => {
    const first = await broker.credential('agent-1', { task_id: 'run-1', audience: 'crm', scope: 'read' });
    clock.advance(200_000);
    const { status, headers, body } = await broker.renew(first.lease_id, 'agent-1');
    expect([status, headers.get('cache-control')]).toEqual([200, 'no-store']);
    expect(body).toMatchObject({
      lease_id: first.lease_id,
      scope: 'read',
      expires_in: 300,
      token_type: 'Bearer',
    });
    expect(decodeJwt(body.access_token)).toMatchObject({
      ...claimsOf(first),
      iat: seconds(),
      nbf: seconds(),
      exp: seconds() + 300,
    });
    // The one before stays good until its own end, and not until the lease's.
    expect((await broker.introspect(first.access_token)).active).toBe(true);
    clock.advance(100_000);
    expect((await broker.introspect(first.access_token)).active).toBe(false);
    expect((await broker.introspect(body.access_token)).active).toBe(true);
  });

  test('gives no more time than is asked, though the lease has more (invariant 4)', async () => {
    const { lease_id: lease } = await broker.credential('agent-1', { task_id: 'run-1', audience: 'crm' });
    const { body } = await broker.renew(lease, 'agent-1', { requested_expiry: 10 });
    expect(body.expires_in).toBe(10);
    expect(decodeJwt(body.access_token).exp).toBe(seconds() + 10);
    clock.advance(10_000);
    expect(await broker.introspect(body.access_token)).toEqual({ active: false });
    expect((await broker.get<LeaseView>(`/v1/leases/${lease}`, 'agent-1')).body.state).toBe('active');
  });

  test('killing the lease kills all of its credentials', async () => {
    const first = await broker.credential('agent-1', { task_id: 'run-1', audience: 'crm' });
    const { body: second } = await broker.renew(first.lease_id, 'agent-1');
    await broker.release(first.lease_id, 'agent-1');
    for (const { access_token: token } of [first, second])
      expect((await broker.introspect(token)).active).toBe(false);
    const again = await broker.renew(first.lease_id, 'agent-1');
    expect([again.status, again.body.type]).toEqual([409, 'urn:mayfly:problem:lease-ended']);
  });

  test('is for tools that allow it', async () => {
    const { lease_id: lease } = await broker.credential('agent-1', { task_id: 'run-1', audience: 'search' });
    const { status, body } = await broker.renew(lease, 'agent-1');
    expect([status, body.type]).toEqual([403, 'urn:mayfly:problem:not-renewable']);
  });

  test('ends with the lease, and with the task', async () => {
    const { lease_id: lease } = await broker.credential('agent-1', {
      task_id: 'run-1',
      audience: 'crm',
      requested_expiry: '5',
    });
    clock.advance(5000);
    expect((await broker.renew(lease, 'agent-1')).status).toBe(409);
    await broker.openTask({ id: 'closing' });
    const other = await broker.credential('agent-1', { task_id: 'closing', audience: 'crm' });
    await broker.complete('closing');
    expect((await broker.renew(other.lease_id, 'agent-1')).status).toBe(409);
  });

  test('never goes past the deadline', async () => {
    await broker.openTask({ id: 'bounded', ttl: 400 });
    const { lease_id: lease } = await broker.credential('agent-1', { task_id: 'bounded', audience: 'crm' });
    clock.advance(250_000);
    expect((await broker.renew(lease, 'agent-1')).body.expires_in).toBe(150);
  });

  test('is decided by the rules of now (invariant 5)', async () => {
    const { lease_id: lease } = await broker.credential('agent-1', { task_id: 'run-1', audience: 'crm' });
    broker.configure({ tools: { crm: { ...CRM, actions: ['read'] }, search: SEARCH } });
    expect(await broker.live.reload()).toMatchObject({ swapped: true });
    const narrowed = await broker.renew(lease, 'agent-1');
    expect([narrowed.status, narrowed.body.type]).toEqual([403, 'urn:mayfly:problem:scope']);
    broker.configure({ tools: { crm: { ...CRM, max_ttl: '60s' }, search: SEARCH } });
    await broker.live.reload();
    expect((await broker.renew(lease, 'agent-1')).body.expires_in).toBe(60);
    broker.configure({ tools: { crm: { ...CRM, renewable: false }, search: SEARCH } });
    await broker.live.reload();
    expect((await broker.renew(lease, 'agent-1')).status).toBe(403);
    broker.configure({});
    await broker.live.reload();
  });
});

const list = async (query: string, as: string): Promise<LeaseList> =>
  (await broker.get<LeaseList>(`/v1/leases?${query}`, as)).body;

describe('leases', () => {
  test('are shown without a secret, to their agent and to operators', async () => {
    const credential = await broker.credential('agent-2', { task_id: 'run-1', audience: 'search' });
    const { text, body, status } = await broker.get<LeaseView>(
      `/v1/leases/${credential.lease_id}`,
      'agent-2',
    );
    expect([status, text.includes(credential.access_token)]).toEqual([200, false]);
    expect(body).toEqual({
      id: credential.lease_id,
      task_id: 'run-1',
      agent: 'cluster/agent-2',
      tool: 'search',
      plane: 'tool',
      kind: 'jwt',
      revocation: 'pushed',
      audience: 'https://search.example',
      scope: 'query',
      issued_at: new Date(clock.now()).toISOString(),
      expires_at: new Date(clock.now() + 300_000).toISOString(),
      state: 'active',
      policy_digest: expect.any(String),
      request_id: expect.stringMatching(/^req_/),
    });
    expect((await broker.get(`/v1/leases/${credential.lease_id}`, 'operator')).body).toEqual(body);
  });

  test('are listed for an agent only where they are its own, whatever it asks for', async () => {
    for (const query of ['limit=200', 'limit=200&agent=cluster/agent-1', 'task=run-1&limit=200']) {
      const agents = (await list(query, 'agent-2')).leases.map(({ agent }) => agent);
      expect(new Set(agents)).toEqual(new Set(['cluster/agent-2']));
    }
    const all = (await list('task=run-1&limit=200', 'operator')).leases.map(({ agent }) => agent);
    expect(new Set(all)).toEqual(new Set(['cluster/agent-1', 'cluster/agent-2']));
  });

  test('by agent, task, tool and state, in pages', async () => {
    await broker.openTask({ id: 'listed' });
    const leases: string[] = [];
    for (const audience of ['crm', 'search', 'crm', 'search', 'crm']) {
      clock.advance(1000);
      leases.push((await broker.credential('agent-5', { task_id: 'listed', audience })).lease_id);
    }
    await broker.release(leases[0]!, 'agent-5');
    const ids = async (query: string): Promise<string[]> =>
      (await list(query, 'operator')).leases.map(({ id }) => id);
    expect(await ids('agent=cluster/agent-5')).toEqual(leases.toReversed());
    expect(await ids('task=listed&tool=search')).toEqual([leases[3], leases[1]]);
    expect(await ids('task=listed&state=revoked')).toEqual([leases[0]]);
    expect(await ids('task=listed&state=active&tool=crm')).toEqual([leases[4], leases[2]]);
    const first = await list('task=listed&limit=3', 'agent-5');
    const second = await list(`task=listed&limit=3&after=${first.next}`, 'agent-5');
    expect([...first.leases, ...second.leases].map(({ id }) => id)).toEqual(leases.toReversed());
    expect(second.next).toBeUndefined();
  });

  test('are released by their agent or an operator, once and for all', async () => {
    const credential = await broker.credential('agent-1', { task_id: 'run-1', audience: 'crm' });
    const released = await broker.release(credential.lease_id, 'agent-1');
    expect([released.status, released.body['state']]).toEqual([200, 'revoked']);
    expect(released.body['ended']).toMatchObject({
      cause: 'lease',
      name: credential.lease_id,
      reason: 'released',
    });
    clock.advance(1000);
    expect((await broker.release(credential.lease_id, 'operator')).body).toEqual(released.body);
    const other = await broker.credential('agent-1', { task_id: 'run-1', audience: 'crm' });
    expect((await broker.release(other.lease_id, 'operator')).body['ended']).toMatchObject({
      reason: 'revoked',
    });
    for (const { access_token: token } of [credential, other])
      expect((await broker.introspect(token)).active).toBe(false);
  });
});

describe('introspection (RFC 7662)', () => {
  test('tells the claims of a live credential to a verifier of its tool and to operators, and to nobody else', async () => {
    const { access_token: token } = await broker.credential('agent-1', { task_id: 'run-1', audience: 'crm' });
    const alive = { active: true, token_type: 'Bearer', ...decodeJwt(token) };
    for (const as of ['crm-api', 'gateway', 'operator'])
      expect(await broker.introspect(token, as)).toEqual(alive);
    expect(await broker.introspect(token, 'search-api')).toEqual({ active: false });
  });

  test('says of everything else that it is not active, and nothing more', async () => {
    const { access_token: token } = await broker.credential('agent-1', {
      task_id: 'run-1',
      audience: 'crm',
      requested_expiry: '5',
    });
    const [header, payload, signature] = token.split('.') as [string, string, string];
    const forged = Buffer.from(JSON.stringify({ ...decodeJwt(token), exp: 9_999_999_999 })).toString(
      'base64url',
    );
    const others = [
      'garbage',
      `${header}.${forged}.${signature}`,
      `${header}.${payload}.`,
      broker.workloads.token('agent-1'),
      `${token} `,
    ];
    for (const other of others) expect(await broker.introspect(other)).toEqual({ active: false });
    clock.advance(5000);
    expect(await broker.introspect(token)).toEqual({ active: false });
  });
});

const revoke = (token: string, as: string) =>
  broker.call('POST', '/revoke', { as, form: { token, token_type_hint: 'access_token' } });

describe('revocation (RFC 7009)', () => {
  test('kills a credential of one’s own', async () => {
    const { access_token: token } = await broker.credential('agent-1', { task_id: 'run-1', audience: 'crm' });
    const { status, text, headers } = await revoke(token, 'agent-1');
    expect([status, text, headers.get('cache-control')]).toEqual([200, '', 'no-store']);
    expect((await broker.introspect(token)).active).toBe(false);
    expect((await revoke(token, 'agent-1')).status).toBe(200);
  });

  test('answers alike to what is unknown and what is somebody else’s, and leaves it alone', async () => {
    const { access_token: token } = await broker.credential('agent-1', { task_id: 'run-1', audience: 'crm' });
    const foreign = await revoke(token, 'agent-2');
    const unknown = await revoke('garbage', 'agent-2');
    expect([foreign.status, foreign.text, unknown.status, unknown.text]).toEqual([200, '', 200, '']);
    expect((await broker.introspect(token)).active).toBe(true);
    expect(await broker.auditOf(foreign)).toMatchObject([{ outcome: 'refused', reason: 'lease_not_yours' }]);
    expect(await broker.auditOf(unknown)).toMatchObject([
      { outcome: 'permitted', detail: { revoked: false } },
    ]);
    expect((await revoke(token, 'operator')).status).toBe(200);
    expect((await broker.introspect(token)).active).toBe(false);
  });
});
