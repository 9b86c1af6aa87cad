// Keys through the client (RFC 9449): bound credentials, bound workload tokens, nonces that cost one request and no more.
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { calculateJwkThumbprint, EmbeddedJWK, exportJWK, generateKeyPair, jwtVerify } from 'jose';
import { systemClock } from '../../src/domain/clock.js';
import {
  type AnswerFacts,
  type ClientOptions,
  DpopKey,
  type DpopProver,
  MayflyClient,
  newDpopJwk,
  type ProofFor,
} from '../../src/sdk/client/index.js';
import { TestBroker } from '../fixtures/broker.js';
import { CRM, SEARCH } from '../fixtures/broker-configuration.js';
import { answering, inPlaceOfBroker } from '../fixtures/in-place-of-broker.js';
import { digested, Prover } from '../fixtures/prover.js';

const asked = { task_id: 'run-1', audience: 'crm' };

/** A client that writes down what it was answered. */
function counted(options: ClientOptions): { client: MayflyClient; answers: string[] } {
  const answers: string[] = [];
  const onAnswer = ({ status, path }: AnswerFacts): void => void answers.push(`${status} ${path}`);
  return { client: new MayflyClient({ ...options, onAnswer }), answers };
}

describe.each(['optional', 'required'] as const)('with nonces %s', (nonces) => {
  let broker: TestBroker;
  beforeAll(async () => {
    const tools = { crm: { ...CRM, require_dpop: true }, search: SEARCH };
    broker = await TestBroker.start({ terms: { dpop: { nonces }, tools } });
    await broker.openTask({ id: 'run-1', tools: [{ tool: 'crm', actions: ['read'] }] });
  });
  afterAll(() => broker.stop());

  const as = (sub: string, claims: object = {}): { url: string; token: () => string } => ({
    url: broker.url,
    token: () => broker.workloads.sign(sub, { ...claims }),
  });
  const once = nonces === 'required' ? 1 : 0;

  test('a bound credential is got and renewed; a nonce costs one request in all', async () => {
    const dpop = await DpopKey.generate();
    const { client, answers } = counted({ ...as('agent-1'), dpop });
    const issued = await client.exchange(asked);
    expect(issued.token_type).toBe('DPoP');
    const renewed = await client.renewLease(issued.lease_id);
    expect([renewed.token_type, renewed.lease_id]).toEqual(['DPoP', issued.lease_id]);
    expect(await client.readLease(issued.lease_id)).toMatchObject({ cnf: { jkt: dpop.thumbprint } });
    expect(answers.filter((answer) => !answer.startsWith('200'))).toEqual(Array(once).fill('400 /token'));
  });

  test('without the key there is none, and no renewal with another one', async () => {
    const { client } = counted({ ...as('agent-1'), dpop: await DpopKey.generate() });
    const { lease_id: lease } = await client.exchange(asked);
    const bare = counted(as('agent-1'));
    await expect(bare.client.exchange(asked)).rejects.toMatchObject({ oauthError: 'invalid_dpop_proof' });
    await expect(bare.client.renewLease(lease)).rejects.toMatchObject({ code: 'ERR_UNAUTHENTICATED' });
    expect(bare.answers).toHaveLength(2);
    const thief = counted({ ...as('agent-1'), dpop: await DpopKey.generate() });
    await expect(thief.client.renewLease(lease)).rejects.toMatchObject({
      code: 'ERR_UNAUTHENTICATED',
      message: 'The DPoP proof is by another key.',
    });
    expect(thief.answers).toHaveLength(1 + once);
    // Giving back needs no key: nothing holds back a kill.
    expect(await bare.client.releaseLease(lease)).toMatchObject({ state: 'revoked' });
  });

  test('a workload token that is bound to the key works at every kind of route', async () => {
    const dpop = await DpopKey.generate();
    const cnf = { cnf: { jkt: dpop.thumbprint } };
    const agent = new MayflyClient({ ...as('agent-1', cnf), dpop });
    const issued = await agent.exchange(asked);
    expect(issued.token_type).toBe('DPoP');
    expect((await agent.renewLease(issued.lease_id)).token_type).toBe('DPoP');
    expect((await agent.listLeases({ task: 'run-1', limit: 1 })).leases).toHaveLength(1);
    const verifier = counted({ ...as('crm-api', cnf), dpop });
    expect(await verifier.client.introspect(issued.access_token)).toMatchObject({
      active: true,
      ...cnf,
    });
    expect(verifier.answers).toHaveLength(1 + once);
    const operator = new MayflyClient({ ...as('operator', cnf), dpop });
    const select = { lease: issued.lease_id };
    expect(await operator.revoke({ select, reason: 'a test' })).toMatchObject({ dead: 1 });
  });

  test('a workload token that is bound to another key, or to one where there is none, is not sent at all', async () => {
    const other = { cnf: { jkt: (await DpopKey.generate()).thumbprint } };
    for (const dpop of [{}, { dpop: await DpopKey.generate() }]) {
      const { client, answers } = counted({ ...as('agent-1', other), ...dpop });
      for (const call of [() => client.exchange(asked), () => client.listTools()]) {
        await expect(call()).rejects.toMatchObject({
          code: 'ERR_TOKEN_SOURCE',
          message: expect.stringContaining(other.cnf.jkt),
        });
      }
      expect(answers).toEqual([]);
    }
  });

  test('a key that lives elsewhere proves as well', async () => {
    const prover = new Prover(systemClock());
    const made: ProofFor[] = [];
    const dpop: DpopProver = {
      thumbprint: prover.jkt,
      proof: (request) => {
        made.push(request);
        const { method, url, nonce, accessToken } = request;
        const ath = accessToken && digested(accessToken);
        return prover.proof(method, String(url), { claims: { nonce, ath } });
      },
    };
    const options = { ...as('agent-1', { cnf: { jkt: prover.jkt } }), dpop: () => Promise.resolve(dpop) };
    const client = new MayflyClient(options);
    await client.listTools();
    expect((await client.exchange(asked)).token_type).toBe('DPoP');
    expect(made.map(({ method, url }) => `${method} ${String(url)}`)).toEqual([
      ...Array<string>(1 + once).fill(`GET ${broker.url}/v1/tools`),
      `POST ${broker.url}/token`,
    ]);
  });
});

const nonce = { 'dpop-nonce': 'another-one' };
const challenge = { 'www-authenticate': 'DPoP error="use_dpop_nonce", algs="ES256"', ...nonce };

describe('what is sent once more', () => {
  const token = 'a.b.c';
  test.each([
    ['a challenge for ever: once', 400, { error: 'use_dpop_nonce' }, nonce, 2],
    ['a challenge without a nonce: not', 400, { error: 'use_dpop_nonce' }, {}, 1],
    ['a refusal on which a nonce rides: not', 400, { error: 'invalid_target' }, nonce, 1],
    ['an answer that may have come of something done: not', 503, {}, nonce, 1],
  ])('at /token, after %s', async (_name, status, body, headers, requests) => {
    const server = await inPlaceOfBroker(answering(status, body, headers));
    try {
      const dpop = await DpopKey.generate();
      const client = new MayflyClient({ url: server.url, token, dpop });
      await expect(client.exchange(asked)).rejects.toMatchObject({ status });
      expect(server.seen).toHaveLength(requests);
      const proofs = server.seen.map(({ headers: { dpop: proof } }) => proof as string);
      expect(new Set(proofs).size).toBe(requests);
    } finally {
      server.close();
    }
  });

  test('elsewhere a challenge once, and nothing for whoever proves nothing', async () => {
    const server = await inPlaceOfBroker(answering(401, { title: 'no' }, challenge));
    try {
      const dpop = await DpopKey.generate();
      await expect(new MayflyClient({ url: server.url, token, dpop }).renewLease('l')).rejects.toThrow('no');
      expect(server.seen).toHaveLength(2);
      await expect(new MayflyClient({ url: server.url, token }).renewLease('l')).rejects.toThrow('no');
      expect(server.seen).toHaveLength(3);
      expect(server.seen[2]!.headers['dpop']).toBeUndefined();
    } finally {
      server.close();
    }
  });
});

describe('a key', () => {
  test('makes proofs as others read them, and is known by the thumbprint that others compute', async () => {
    const dpop = await DpopKey.fromJwk(await newDpopJwk());
    const url = 'https://crm.example/customers/42?q=x#top';
    const proof = await dpop.proof({ method: 'GET', url, nonce: 'n', accessToken: 'ey.ab.cd' });
    const { payload, protectedHeader } = await jwtVerify(proof, EmbeddedJWK, { typ: 'dpop+jwt' });
    expect(payload).toEqual({
      jti: expect.any(String),
      htm: 'GET',
      htu: 'https://crm.example/customers/42',
      iat: expect.any(Number),
      nonce: 'n',
      ath: digested('ey.ab.cd'),
    });
    expect(protectedHeader).toEqual({ typ: 'dpop+jwt', alg: 'ES256', jwk: dpop.publicJwk });
    expect(await calculateJwkThumbprint(dpop.publicJwk)).toBe(dpop.thumbprint);
  });

  test('is taken from a file of any other program that writes it as RFC 7517 has it', async () => {
    const { privateKey } = await generateKeyPair('ES256', { extractable: true });
    const jwk = { ...(await exportJWK(privateKey)), use: 'sig', alg: 'ES256', kid: 'one' };
    expect((await DpopKey.fromJwk(jwk)).thumbprint).toBe(await calculateJwkThumbprint(jwk));
  });

  test('is shown nowhere', async () => {
    const jwk = await newDpopJwk();
    const dpop = await DpopKey.fromJwk(jwk);
    expect(inspect(dpop, { showHidden: true, depth: 9 }) + JSON.stringify(dpop)).not.toContain(jwk.d);
  });

  test.each([
    ['an RSA key', async () => ({ kty: 'RSA', n: 'AQAB', e: 'AQAB' }), 'P-256'],
    ['a key of another curve', async () => ({ ...(await newDpopJwk()), crv: 'P-384' }), 'P-256'],
    ['a public key', async () => ({ ...(await newDpopJwk()), d: undefined }), 'must be there'],
    ['two halves', async () => ({ ...(await newDpopJwk()), d: (await newDpopJwk()).d }), 'not of one key'],
    ['no point', async () => ({ ...(await newDpopJwk()), x: 'AAAA' }), 'not of one key'],
    ['nothing', async () => ({}), 'P-256'],
  ])('%s is refused before anything is sent, and not shown', async (_name, make, why) => {
    const jwk = (await make()) as { d?: string };
    const failure = (await DpopKey.fromJwk(jwk).catch((error: unknown) => error)) as Error;
    expect(failure).toMatchObject({ code: 'ERR_USAGE', message: expect.stringContaining(why) });
    if (jwk.d) expect(inspect(failure)).not.toContain(jwk.d);
  });
});
