// Proofs of possession through the client: made for the very request, and once more where the broker asks for a nonce.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { systemClock } from '../../src/domain/clock.js';
import { type AnswerFacts, MayflyClient, type ProofRequest } from '../../src/sdk/client/index.js';
import { TestBroker } from '../fixtures/broker.js';
import { CRM, SEARCH } from '../fixtures/broker-configuration.js';
import { Prover } from '../fixtures/prover.js';

let broker: TestBroker;
beforeAll(async () => {
  const terms = {
    dpop: { nonces: 'required' },
    tools: { crm: { ...CRM, require_dpop: true }, search: SEARCH },
  };
  broker = await TestBroker.start({ terms });
  await broker.openTask({ id: 'run-1', tools: [{ tool: 'crm', actions: ['read'] }] });
});
afterAll(() => broker.stop());

test('a bound credential is got and renewed, with a nonce that costs one request', async () => {
  const prover = new Prover(systemClock());
  const proved: ProofRequest[] = [];
  const answers: AnswerFacts[] = [];
  const client = new MayflyClient({
    url: broker.url,
    token: () => broker.workloads.token('agent-1'),
    prove: (request) => {
      proved.push(request);
      const { method, url, nonce } = request;
      return prover.proof(method, url, { claims: { nonce } });
    },
    onAnswer: (answer) => answers.push(answer),
  });
  const issued = await client.exchange({ task_id: 'run-1', audience: 'crm' });
  expect(issued.token_type).toBe('DPoP');
  const { lease_id: lease } = await client.renewLease(issued.lease_id);
  expect(lease).toBe(issued.lease_id);
  expect(await client.readLease(lease)).toMatchObject({ cnf: { jkt: prover.jkt } });
  expect(answers.map(({ status, path }) => `${status} ${path}`).slice(0, 2)).toEqual([
    '400 /token',
    '200 /token',
  ]);
  expect(proved.slice(0, 2)).toEqual([
    { method: 'POST', url: `${broker.url}/token` },
    { method: 'POST', url: `${broker.url}/token`, nonce: expect.any(String) },
  ]);
});

test('a broker that goes on asking is not asked without end, and without anybody to prove nothing is sent twice', async () => {
  const answers: AnswerFacts[] = [];
  const token = (): string => broker.workloads.token('agent-1');
  const onAnswer = (answer: AnswerFacts): void => void answers.push(answer);
  const asked = { task_id: 'run-1', audience: 'crm' };
  const proving = new MayflyClient({ url: broker.url, token, prove: () => 'no.proof.at-all', onAnswer });
  await expect(proving.exchange(asked)).rejects.toMatchObject({ oauthError: 'invalid_dpop_proof' });
  expect(answers.length).toBeLessThanOrEqual(2);
  answers.splice(0);
  const bare = new MayflyClient({ url: broker.url, token, onAnswer });
  await expect(bare.exchange(asked)).rejects.toMatchObject({ oauthError: 'invalid_dpop_proof' });
  expect(answers).toHaveLength(1);
});
