// Credentials and workload tokens that are bound to a key: worth something only to whoever has the key, and no harder to kill.
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { systemClock } from '../../src/domain/clock.js';
import type { RouteName } from '../../src/http/access.js';
import { ACCESS } from '../../src/http/access.js';
import { TestBroker } from '../fixtures/broker.js';
import type { Asked, Credential, Reply } from '../fixtures/broker-client.js';
import { CRM, SEARCH } from '../fixtures/broker-configuration.js';
import type { Members } from '../fixtures/prover.js';
import { digested, Prover } from '../fixtures/prover.js';

const clock = systemClock();
let broker: TestBroker;
let prover: Prover;
let stranger: Prover;
beforeAll(async () => {
  broker = await TestBroker.start({
    terms: { tools: { crm: CRM, search: { ...SEARCH, renewable: true, require_dpop: true } } },
  });
  [prover, stranger] = [new Prover(clock), new Prover(clock)];
  await broker.openTask({ id: 'run-1' });
});
afterAll(() => broker.stop());

const claimsOf = (token: string): Members =>
  JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as Members;
const proofOf = (by: Prover, method: string, path: string, claims: Members = {}): string =>
  by.proof(method, `${broker.url}${path}`, { claims });
const exchange = (dpop?: string, audience = 'crm', subject?: string): Promise<Reply<Credential>> =>
  broker.call<Credential>('POST', '/token', {
    form: {
      ...broker.exchangeForm('agent-1', { task_id: 'run-1', audience }),
      ...(subject !== undefined && { subject_token: subject }),
    },
    headers: dpop === undefined ? {} : { dpop },
  });
const bound = async (by = prover): Promise<Credential> =>
  (await exchange(proofOf(by, 'POST', '/token'))).body;

const challengeOf = (reply: Reply<unknown>): string | undefined => {
  const header = reply.headers.get('www-authenticate') ?? '';
  const [, error, algorithms] =
    /^DPoP error="(\w+)", error_description="[^"]+", algs="([^"]+)"$/.exec(header) ?? [];
  expect(algorithms).toContain('ES256');
  return error;
};

describe('a credential that was asked for with a proof', () => {
  test('is bound to its key, and says so: itself, to introspection, in its lease', async () => {
    const { access_token: token, token_type: type, lease_id: lease } = await bound();
    expect(type).toBe('DPoP');
    expect(claimsOf(token)).toMatchObject({ cnf: { jkt: prover.jkt } });
    expect(await broker.introspect(token)).toMatchObject({
      active: true,
      token_type: 'DPoP',
      cnf: { jkt: prover.jkt },
    });
    expect((await broker.get(`/v1/leases/${lease}`, 'agent-1')).body).toMatchObject({
      cnf: { jkt: prover.jkt },
    });
  });

  test('and one without is not: nothing of it is said anywhere', async () => {
    const { access_token: token, token_type: type, lease_id: lease } = (await exchange()).body;
    expect(type).toBe('Bearer');
    const view = (await broker.get(`/v1/leases/${lease}`, 'agent-1')).body;
    for (const said of [claimsOf(token), await broker.introspect(token), view])
      expect(said).not.toHaveProperty('cnf');
    expect(await broker.introspect(token)).toMatchObject({ active: true, token_type: 'Bearer' });
  });

  test('is the only one to be had of a tool that asks for it', async () => {
    const plain = await exchange(undefined, 'search');
    expect([plain.status, plain.body]).toEqual([
      400,
      {
        error: 'invalid_dpop_proof',
        error_description: expect.stringMatching(/^A DPoP proof is required\./),
      },
    ]);
    expect((await broker.auditOf(plain))[0]).toMatchObject({ reason: 'proof_missing' });
    expect((await exchange(proofOf(prover, 'POST', '/token'), 'search')).body.token_type).toBe('DPoP');
    const { tools } = (await broker.get<{ tools: Members[] }>('/v1/tools', 'agent-1')).body;
    expect(tools.map(({ name, require_dpop: required }) => [name, required])).toEqual([
      ['crm', false],
      ['search', true],
    ]);
  });

  test('is announced in the metadata (§5.1)', async () => {
    const { body } = await broker.call('GET', '/.well-known/oauth-authorization-server');
    expect(body['dpop_signing_alg_values_supported']).toContain('ES256');
    expect(JSON.stringify(body['dpop_signing_alg_values_supported'])).not.toMatch(/HS|none/);
    expect(body['introspection_endpoint_auth_methods_supported']).toEqual(['Bearer', 'DPoP']);
  });
});

describe('the renewal of a lease that is bound', () => {
  let path: string;
  beforeAll(async () => {
    path = `/v1/leases/${(await bound()).lease_id}/renew`;
  });
  const renew = (headers: Record<string, string> = {}, more: Asked = { as: 'agent-1' }) =>
    broker.call<Credential>('POST', path, { ...more, headers, json: {} });

  test.each([
    ['at another host', 'https://evil.example', 'htu is not at '],
    ['here, and elsewhere', '', 'htu has another path than the request'],
  ])('a token that stands in its address shows in no answer and no record: %s', async (_, host, why) => {
    const { access_token: token } = await bound();
    const at = `/v1/leases/${token}/renew`;
    const htu = `${host || broker.url}${at}${host ? '' : '/'}`;
    const reply = await broker.call('POST', at, {
      as: 'agent-1',
      headers: { dpop: proofOf(prover, 'POST', at, { htu }) },
      json: {},
    });
    expect([reply.status, reply.text]).toEqual([401, expect.stringContaining(why)]);
    const events = await broker.auditOf(reply);
    expect(events).toMatchObject([{ reason: 'proof_mismatch' }]);
    expect(reply.text + JSON.stringify(events)).not.toContain(token);
  });

  const refused: [string, () => string | undefined, string, string][] = [
    ['no proof', () => undefined, 'proof_missing', 'invalid_token'],
    ['another key', () => proofOf(stranger, 'POST', path), 'proof_key_mismatch', 'invalid_token'],
    [
      'a proof for the token endpoint',
      () => proofOf(prover, 'POST', '/token'),
      'proof_mismatch',
      'invalid_dpop_proof',
    ],
    ['a proof for GET', () => proofOf(prover, 'GET', path), 'proof_mismatch', 'invalid_dpop_proof'],
    [
      'a proof for another lease',
      () => proofOf(prover, 'POST', path.replace('lease_0', 'lease_1')),
      'proof_mismatch',
      'invalid_dpop_proof',
    ],
    ['what is no proof', () => 'x', 'proof_malformed', 'invalid_dpop_proof'],
    [
      'an old proof',
      () => proofOf(prover, 'POST', path, { iat: 1 }),
      'proof_out_of_time',
      'invalid_dpop_proof',
    ],
  ];
  test.each(refused)('with %s is refused: 401 and a challenge', async (_, dpop, reason, error) => {
    const proof = dpop();
    const reply = await renew(proof === undefined ? {} : { dpop: proof });
    expect([reply.status, challengeOf(reply)]).toEqual([401, error]);
    expect((await broker.auditOf(reply))[0]).toMatchObject({ outcome: 'refused', reason });
  });

  test('with its own key gives a credential of the same key, and each proof renews once', async () => {
    const dpop = proofOf(prover, 'POST', path);
    const { status, body } = await renew({ dpop });
    expect([status, body.token_type]).toEqual([200, 'DPoP']);
    expect(claimsOf(body.access_token)).toMatchObject({ cnf: { jkt: prover.jkt } });
    expect(await broker.introspect(body.access_token)).toMatchObject({
      active: true,
      cnf: { jkt: prover.jkt },
    });
    const again = await renew({ dpop });
    expect([again.status, challengeOf(again)]).toEqual([401, 'invalid_dpop_proof']);
    expect((await broker.auditOf(again))[0]).toMatchObject({ reason: 'proof_replayed' });
  });

  test('may come as Authorization: DPoP, where the proof is of the token as well', async () => {
    const token = broker.workloads.token('agent-1');
    const shown = (claims: Members): Promise<Reply<Credential>> =>
      renew({ authorization: `DPoP ${token}`, dpop: proofOf(prover, 'POST', path, claims) }, {});
    expect((await shown({ ath: digested(token) })).status).toBe(200);
    for (const ath of [undefined, digested(`${token}x`), '']) {
      const reply = await shown({ ath });
      expect([reply.status, challengeOf(reply)]).toEqual([401, 'invalid_dpop_proof']);
    }
  });

  test('is for our own address also where the request line holds a whole one', async () => {
    const send = (at: string, htu: string): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        const headers = {
          authorization: `Bearer ${broker.workloads.token('agent-1')}`,
          dpop: prover.proof('POST', htu),
        };
        const { hostname: host, port } = new URL(broker.url);
        const sent = request({ host, port, method: 'POST', path: at, headers });
        sent.once('response', (response) => resolve(response.resume().statusCode)).once('error', reject);
        sent.end();
      });
    expect(await send(`http://evil.example${path}`, `${broker.url}${path}`)).toBe(200);
    expect(await send(`http://evil.example${path}`, `http://evil.example${path}`)).toBe(401);
  });

  test('of one that is not bound goes on as ever, and a proof does not bind it afterwards', async () => {
    const { lease_id: lease } = (await exchange()).body;
    const at = `/v1/leases/${lease}/renew`;
    expect((await broker.renew(lease, 'agent-1')).body.token_type).toBe('Bearer');
    const headers = { dpop: proofOf(prover, 'POST', at) };
    const { body } = await broker.call<Credential>('POST', at, { as: 'agent-1', headers, json: {} });
    expect(body.token_type).toBe('Bearer');
  });

  test('is not had for a lease of before its tool asked for proofs', async () => {
    const { lease_id: lease } = (await exchange()).body;
    const tools = { crm: { ...CRM, require_dpop: true }, search: SEARCH };
    broker.configure({ tools });
    await broker.live.reload();
    try {
      const at = `/v1/leases/${lease}/renew`;
      // Nor with a proof: what came of it would be bound to nothing all the same.
      for (const headers of [{}, { dpop: proofOf(prover, 'POST', at) }]) {
        const asked = { as: 'agent-1', headers: headers as Record<string, string>, json: {} };
        const reply = await broker.call<Members>('POST', at, asked);
        expect([reply.status, challengeOf(reply)]).toEqual([401, 'invalid_token']);
        expect(reply.body['detail']).toMatch(/asked for without one: ask for another$/);
      }
    } finally {
      broker.configure({ tools: { crm: CRM, search: { ...SEARCH, renewable: true, require_dpop: true } } });
      await broker.live.reload();
    }
  });
});

describe('a kill of what is bound', () => {
  const ends: [
    string,
    (credential: Credential, headers: Record<string, string>) => Promise<Reply<unknown>>,
  ][] = [
    [
      'a release',
      ({ lease_id: lease }, headers) =>
        broker.call('DELETE', `/v1/leases/${lease}`, { as: 'agent-1', headers }),
    ],
    [
      'a revocation by the credential',
      ({ access_token: token }, headers) =>
        broker.call('POST', '/revoke', { as: 'agent-1', headers, form: { token } }),
    ],
    [
      'an operator',
      ({ lease_id: lease }, headers) =>
        broker.call('POST', '/v1/revocations', {
          as: 'operator',
          headers,
          json: { select: { lease }, reason: 'test' },
        }),
    ],
  ];
  test.each(ends)('by %s needs no proof, and is not held back by a bad one', async (_, end) => {
    for (const headers of [{}, { dpop: 'x' }]) {
      const credential = await bound();
      expect((await end(credential, headers as Record<string, string>)).status).toBeLessThan(300);
      expect(await broker.introspect(credential.access_token)).toEqual({ active: false });
    }
  });
});

/** Of roles whose holder bears another name. */
const HOLDERS: Readonly<Record<string, string>> = {
  agent: 'agent-1',
  orchestrator: 'planner',
  verifier: 'gateway',
};
const tokenOf = (sub: string): string => broker.workloads.sign(sub, { cnf: { jkt: prover.jkt } });
const shown = (method: string, path: string, token: string, dpop?: string): Promise<Reply<Members>> =>
  broker.call(method.toUpperCase(), path, {
    headers: { authorization: `DPoP ${token}`, ...(dpop !== undefined && { dpop }) },
    ...(method === 'post' && { json: {} }),
  });

describe('a workload token that is itself bound to a key', () => {
  test('gets nothing at /token without a proof of its key, the first time and the second', async () => {
    const token = tokenOf('agent-1');
    for (let time = 0; time < 2; time++) {
      const plain = await exchange(undefined, 'crm', token);
      expect([plain.status, plain.body.error]).toEqual([400, 'invalid_dpop_proof']);
      expect((await broker.auditOf(plain))[0]).toMatchObject({ reason: 'proof_missing' });
      const other = await exchange(proofOf(stranger, 'POST', '/token'), 'crm', token);
      expect((await broker.auditOf(other))[0]).toMatchObject({ reason: 'proof_key_mismatch' });
      const own = await exchange(proofOf(prover, 'POST', '/token'), 'crm', token);
      expect(own.body.token_type).toBe('DPoP');
    }
  });

  const routes = (Object.keys(ACCESS) as RouteName[]).map((name) => [name, ACCESS[name]] as const);
  test.each(routes)(
    'opens %s to nobody but the holder of the key',
    async (_, { method, path, roles, body }) => {
      const [role = ''] = roles as readonly string[];
      const token = tokenOf(HOLDERS[role] ?? role);
      const at = path.replace(':id', 'x').replace('*agent', 'x');
      const verb = method.toUpperCase();
      const proof = (by: Prover, claims: Members): string => proofOf(by, verb, at, claims);

      const asBearer = await broker.call(verb, at, { bearer: token });
      const stolen = [
        ['proof_missing', asBearer],
        [
          'proof_missing',
          await broker.call(verb, at, {
            bearer: token,
            headers: { dpop: proof(prover, { ath: digested(token) }) },
          }),
        ],
        ['proof_malformed', await shown(method, at, token)],
        ['proof_mismatch', await shown(method, at, token, proof(prover, {}))],
        ['proof_mismatch', await shown(method, at, token, proof(prover, { ath: digested('another') }))],
        ['proof_key_mismatch', await shown(method, at, token, proof(stranger, { ath: digested(token) }))],
      ] as const;
      for (const [reason, reply] of stolen) {
        expect([reason, reply.status]).toEqual([reason, 401]);
        challengeOf(reply);
        expect(reply.body['error'] === undefined).toBe(body !== 'form');
        expect((await broker.auditOf(reply))[0]).toMatchObject({ reason });
      }
      const own = await shown(method, at, token, proof(prover, { ath: digested(token) }));
      expect(own.status).not.toBe(401);
      expect(own.status).toBeLessThan(500);
    },
  );

  test('is refused where it is confined by something that we cannot prove', async () => {
    const token = broker.workloads.sign('agent-1', { cnf: { 'x5t#S256': 'AA' } });
    expect((await exchange(proofOf(prover, 'POST', '/token'), 'crm', token)).status).toBe(400);
  });
});
