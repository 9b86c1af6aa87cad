// Nonces (RFC 9449 §8 and §9): asked for as configured, handed out with the challenge, renewed on the way, and no dearer than that.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { MINUTE_MS } from '../../src/domain/duration.js';
import { openApiDocument } from '../../src/http/openapi/document.js';
import { TestBroker } from '../fixtures/broker.js';
import type { Credential, Reply } from '../fixtures/broker-client.js';
import { Workloads } from '../fixtures/broker-workloads.js';
import { SettableClock } from '../contract/store/harness.js';
import type { Members } from '../fixtures/prover.js';
import { digested, Prover } from '../fixtures/prover.js';
import { Contract } from './contract-document.js';

const clock = new SettableClock();
const contract = new Contract(openApiDocument({ issuer: 'https://mayfly.example', version: '0.0.0' }));

class Caller {
  readonly broker: TestBroker;
  readonly prover = new Prover(clock);

  constructor(broker: TestBroker) {
    this.broker = broker;
  }

  proof(method: string, path: string, claims: Members = {}): string {
    return this.prover.proof(method, `${this.broker.url}${path}`, { claims });
  }

  exchange(
    claims: Members = {},
    subject = this.broker.workloads.token('agent-1'),
  ): Promise<Reply<Credential>> {
    const form = {
      ...this.broker.exchangeForm('agent-1', { task_id: 'run-1', audience: 'crm' }),
      subject_token: subject,
    };
    return this.broker.call<Credential>('POST', '/token', {
      form,
      headers: { dpop: this.proof('POST', '/token', claims) },
    });
  }
}

/** The nonce that an answer brought, or null. */
const nonceOf = (reply: Reply<unknown>): string | null => reply.headers.get('dpop-nonce');

const challenged = async (caller: Caller, reply: Reply<Credential>, reason: string): Promise<string> => {
  expect([reply.status, reply.body]).toEqual([
    400,
    {
      error: 'use_dpop_nonce',
      error_description: 'Make the DPoP proof once more, with the nonce in the DPoP-Nonce header.',
    },
  ]);
  expect((await caller.broker.auditOf(reply))[0]).toMatchObject({ outcome: 'refused', reason });
  expect(reply.headers.get('cache-control')).toBe('no-store');
  const nonce = nonceOf(reply);
  // §8.1: NQCHAR.
  expect(nonce).toMatch(/^[\x21\x23-\x5b\x5d-\x7e]+$/);
  return nonce!;
};

describe('where nonces are required', () => {
  let broker: TestBroker;
  let caller: Caller;
  beforeAll(async () => {
    const trust = [
      Workloads.trust('./workloads.jwks.json'),
      {
        ...Workloads.trust('./workloads.jwks.json'),
        name: 'once',
        issuer: 'https://once.example',
        one_time: true,
      },
    ];
    broker = await TestBroker.start({ clock, terms: { dpop: { nonces: 'required' }, trust } });
    caller = new Caller(broker);
    await broker.openTask({ id: 'run-1', agents: ['*/agent-*'] });
  });
  afterAll(() => broker.stop());

  test('a proof without one is challenged, and good with the one that came: from then on without a round trip', async () => {
    const nonce = await challenged(caller, await caller.exchange(), 'proof_nonce_missing');
    for (let n = 0; n < 3; n++) {
      const reply = await caller.exchange({ nonce });
      expect([reply.status, reply.body.token_type, nonceOf(reply)]).toEqual([200, 'DPoP', null]);
    }
  });

  test('the next one rides on answers before the old one ends, and the old one ends', async () => {
    const nonce = await challenged(caller, await caller.exchange(), 'proof_nonce_missing');
    clock.advance(3 * MINUTE_MS);
    const riding = await caller.exchange({ nonce });
    expect(riding.status).toBe(200);
    const next = nonceOf(riding)!;
    expect(next).not.toBe(nonce);
    clock.advance(2 * MINUTE_MS);
    const newest = await challenged(caller, await caller.exchange({ nonce }), 'proof_nonce_invalid');
    for (const good of [next, newest]) expect((await caller.exchange({ nonce: good })).status).toBe(200);
  });

  test.each([
    ['made up', () => 'eyJ7S_zG.eyJH0-Z.HX4w-7v'],
    ['empty', () => ''],
    ['for another key', async () => nonceOf(await new Caller(broker).exchange())!],
  ])('one that is %s is challenged', async (_, nonce) => {
    await challenged(caller, await caller.exchange({ nonce: await nonce() }), 'proof_nonce_invalid');
  });

  test('whoever brings no proof is asked for none', async () => {
    const reply = await broker.exchange('agent-1', { task_id: 'run-1', audience: 'crm' });
    expect([reply.status, reply.body.token_type, nonceOf(reply)]).toEqual([200, 'Bearer', null]);
  });

  test('a challenge costs no one-time token: it is good for the proof that follows', async () => {
    const claims = { iss: 'https://once.example', jti: 'one' };
    const token = broker.workloads.sign('agent-1', claims);
    const nonce = await challenged(caller, await caller.exchange({}, token), 'proof_nonce_missing');
    expect((await caller.exchange({ nonce }, token)).status).toBe(200);
    const third = await caller.exchange({ nonce }, token);
    expect((await broker.auditOf(third))[0]).toMatchObject({ reason: 'token_replayed' });
  });

  test('a proof that is bad in itself gets no nonce', async () => {
    const reply = await caller.exchange({ htm: 'GET' });
    expect([reply.body.error, nonceOf(reply)]).toEqual(['invalid_dpop_proof', null]);
  });

  test('a renewal is challenged with 401, and good with the nonce that came', async () => {
    const nonce = nonceOf(await caller.exchange())!;
    const { lease_id: lease } = (await caller.exchange({ nonce })).body;
    const path = `/v1/leases/${lease}/renew`;
    const renew = (claims: Members): Promise<Reply<Credential>> =>
      broker.call<Credential>('POST', path, {
        as: 'agent-1',
        headers: { dpop: caller.proof('POST', path, claims) },
      });
    const reply = await renew({});
    expect(reply.status).toBe(401);
    expect(reply.headers.get('www-authenticate')).toMatch(/^DPoP error="use_dpop_nonce", .*algs="ES256 /);
    expect((await renew({ nonce: nonceOf(reply)! })).status).toBe(200);
  });

  test.each([
    ['/v1/tools', 'GET', undefined],
    ['/introspect', 'POST', { token: 'x' }],
  ])(
    'a bound workload token at %s is challenged with 401, and good with the nonce',
    async (path, method, form) => {
      const token = broker.workloads.sign('gateway', { cnf: { jkt: caller.prover.jkt } });
      const ask = (claims: Members): Promise<Reply<Members>> =>
        broker.call(method, path, {
          ...(form && { form }),
          headers: {
            authorization: `DPoP ${token}`,
            dpop: caller.proof(method, path, { ath: digested(token), ...claims }),
          },
        });
      const reply = await ask({});
      expect(reply.status).toBe(401);
      expect(reply.headers.get('www-authenticate')).toMatch(/^DPoP error="use_dpop_nonce"/);
      if (form) expect(reply.body['error']).toBe('use_dpop_nonce');
      expect((await ask({ nonce: nonceOf(reply)! })).status).toBe(200);
    },
  );

  test('the next one rides on any answer, as the contract says', async () => {
    const token = broker.workloads.sign('agent-1', { cnf: { jkt: caller.prover.jkt } });
    const ask = (path: string, claims: Members): Promise<Reply<Members>> => {
      const dpop = caller.proof('GET', path.split('?')[0]!, { ath: digested(token), ...claims });
      return broker.call('GET', path, { headers: { authorization: `DPoP ${token}`, dpop } });
    };
    const nonce = nonceOf(await ask('/v1/tools', {}))!;
    clock.advance(3 * MINUTE_MS);
    for (const [id, path, status] of [
      ['listTools', '/v1/tools', 200],
      ['listTools', '/v1/tools?no-such=1', 400],
      ['listTasks', '/v1/tasks', 403],
      ['readLease', '/v1/leases/none', 404],
    ] as const) {
      const reply = await ask(path, { nonce });
      expect([reply.status, ...contract.flawsIn(contract.operation(id), reply)]).toEqual([status]);
      expect(nonceOf(reply)).not.toBeNull();
    }
  });

  test('another broker with the same seal key takes it, also after a restart', async () => {
    const nonce = nonceOf(await caller.exchange())!;
    broker = await broker.restart({ clock, terms: { dpop: { nonces: 'required' }, issuer: broker.url } });
    // It listens elsewhere now, and is known by the same URL.
    const reply = await broker.call<Credential>('POST', '/token', {
      form: broker.exchangeForm('agent-1', { task_id: 'run-1', audience: 'crm' }),
      headers: { dpop: caller.proof('POST', '/token', { nonce }) },
    });
    expect(`${reply.status} ${reply.text}`).toMatch(/^200 /);
  });
});

describe('where they are not', () => {
  let broker: TestBroker;
  let caller: Caller;
  beforeAll(async () => {
    broker = await TestBroker.start({ clock });
    caller = new Caller(broker);
    await broker.openTask({ id: 'run-1' });
  });
  afterAll(() => broker.stop());

  test('nobody is given one, and none is asked for', async () => {
    const reply = await caller.exchange();
    expect([reply.status, nonceOf(reply)]).toEqual([200, null]);
  });

  test('one that is there is looked at all the same: what is not ours is answered with what is', async () => {
    const nonce = await challenged(caller, await caller.exchange({ nonce: 'x' }), 'proof_nonce_invalid');
    expect((await caller.exchange({ nonce })).status).toBe(200);
  });
});
