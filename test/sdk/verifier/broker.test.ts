// A verifier before a real broker: every kind of kill reaches it, and no fault of the broker's makes it accept what is dead.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { DpopKey } from '../../../src/sdk/client/index.js';
import {
  CredentialRefused,
  Verifier,
  type VerifierEvent,
  type Want,
} from '../../../src/sdk/verifier/index.js';
import { TestBroker } from '../../fixtures/broker.js';
import { until } from '../../fixtures/until.js';

const ISSUER = 'http://127.0.0.1:9';
const terms = { issuer: ISSUER, feed: { heartbeat: '200ms' } };
const READ: Want = { tool: 'crm', action: 'read' };

let broker: TestBroker;
let verifier: Verifier;
const events: VerifierEvent[] = [];

beforeAll(async () => {
  broker = await TestBroker.start({ terms });
  verifier = new Verifier({
    broker: ISSUER,
    token: () => broker.workloads.token('crm-api'),
    tools: { crm: { audience: 'https://crm.example', plane: 'data' } },
    maxStalenessMs: 1000,
    onEvent: (event) => events.push(event),
    // To wherever it is now: a broker that comes back has another port.
    fetch: (url, init) => fetch((url as string).replace(ISSUER, broker.url), init),
  });
  await verifier.ready();
});
afterAll(async () => {
  await verifier.close();
  await broker.stop();
});

const tried = (token: string, want: Want = READ): Promise<string> =>
  verifier.verify(token, want).then(
    () => 'accepted',
    (error: unknown) => (error instanceof CredentialRefused ? error.code : String(error)),
  );
const becomes = (token: string, outcome: string): Promise<unknown> =>
  until(outcome, async () => (await tried(token)) === outcome, { everyMs: 2 });

async function credential(task: string, more: Record<string, string> = {}): Promise<string> {
  await broker.openTask({
    id: task,
    ...(task.includes('.') && { parent: task.slice(0, task.lastIndexOf('.')) }),
  });
  return (await broker.credential('agent-7', { task_id: task, audience: 'crm', ...more })).access_token;
}

const claimsOf = (token: string): Record<string, string> =>
  JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as Record<string, string>;

describe('a kill', () => {
  test('of a task ends what hangs below it, and nothing beside', async () => {
    const [above, below, beside] = [
      await credential('run-1'),
      await credential('run-1.part'),
      await credential('run-2'),
    ];
    for (const token of [above, below, beside]) await becomes(token, 'accepted');
    await broker.complete('run-1');
    await becomes(below, 'ERR_REVOKED');
    expect([await tried(above), await tried(beside)]).toEqual(['ERR_REVOKED', 'accepted']);
  });

  test.each<[string, (token: string) => object]>([
    ['lease', (token) => ({ lease: claimsOf(token)['jti'] })],
    ['agent', () => ({ agent: 'cluster/agent-7' })],
    ['tool', () => ({ tool: 'crm' })],
    ['trust', () => ({ trust: 'cluster' })],
    [
      'key',
      (token) => ({
        key: (JSON.parse(Buffer.from(token.split('.')[0]!, 'base64url').toString()) as { kid: string }).kid,
      }),
    ],
    ['all', () => ({ all: true })],
  ])('of %s reaches it; what is issued afterwards is accepted', async (kind, select) => {
    const token = await credential(`run-${kind}`);
    await becomes(token, 'accepted');
    expect((await broker.kill(select(token), { quarantine: false })).status).toBe(202);
    await becomes(token, 'ERR_REVOKED');
    // By a new key, where the key was killed: it is fetched within two seconds of being unknown.
    await becomes(await credential(`run-${kind}-again`), 'accepted');
  });

  test('is known to have reached it', async () => {
    await broker.kill({ task: 'run-nobody' });
    const since = new Date().toISOString();
    let told: Record<string, unknown> = {};
    await until('it is told', async () => {
      ({ body: told } = await broker.get<typeof told>(`/v1/verifiers?since=${since}`, 'operator'));
      return told['connected'] === 1 && told['applied'] === 1;
    }).catch((error: Error) => {
      throw new Error(`${error.message}: ${JSON.stringify([told, since, events.slice(-9)])}`);
    });
  });
});

test('a credential that is bound to a key opens with a proof of it', async () => {
  const dpop = await DpopKey.generate();
  await broker.openTask({ id: 'run-dpop' });
  const proof = await dpop.proof({ method: 'POST', url: `${ISSUER}/token` });
  const form = broker.exchangeForm('agent-7', { task_id: 'run-dpop', audience: 'crm' });
  const { body } = await broker.call<{ access_token: string }>('POST', '/token', {
    form,
    headers: { dpop: proof },
  });
  const url = 'https://crm.example/customers/7';
  const shown = async (): Promise<Want> => ({
    ...READ,
    request: {
      method: 'GET',
      url,
      scheme: 'DPoP',
      proofs: [await dpop.proof({ method: 'GET', url, accessToken: body.access_token })],
    },
  });
  await becomes(await credential('run-3'), 'accepted');
  const want = await shown();
  expect(await tried(body.access_token, want)).toBe('accepted');
  expect(await tried(body.access_token, want)).toBe('ERR_PROOF_REPLAYED');
  expect(await tried(body.access_token)).toBe('ERR_PROOF_MISSING');
});

test('what it accepted and refused is on record at the broker, with the task, and with no credential', async () => {
  const token = await credential('run-told');
  await becomes(token, 'accepted');
  expect(await tried(token, { ...READ, action: 'write', resource: 'customers/7' })).toBe('accepted');
  expect(await tried(token, { ...READ, action: 'delete' })).toBe('ERR_ACTION');
  await broker.complete('run-told');
  await becomes(token, 'ERR_REVOKED');
  const calls = async () =>
    (await broker.audit({ task: 'run-told' })).filter(({ action }) => action === 'tool.call');
  await until('all of them are told', async () =>
    (await calls()).some(({ detail }) => detail['reason'] === 'revoked'),
  );
  const told = await calls();
  expect(told).toEqual(
    expect.arrayContaining([
      expect.objectContaining({
        outcome: 'permitted',
        principal: 'cluster/agent-7',
        tool: 'crm',
        lease_id: claimsOf(token)['jti'],
        detail: expect.objectContaining({
          action: 'write',
          resource: 'customers/7',
          reported_by: 'cluster/crm-api',
        }),
      }),
      expect.objectContaining({
        outcome: 'refused',
        detail: expect.objectContaining({ action: 'delete', reason: 'action' }),
      }),
    ]),
  );
  expect(JSON.stringify(told)).not.toContain(token.slice(-20));
});

test('a credential for single use is accepted once, by asking the broker', async () => {
  const single = await TestBroker.start({ terms: { feed: terms.feed } });
  mkdirSync(join(single.folder, 'policies'));
  writeFileSync(
    join(single.folder, 'policies', 'once.cedar'),
    '@id("once") @single_use permit (principal, action, resource);',
  );
  single.configure({ feed: terms.feed, policies: './policies' });
  expect(await single.live.reload()).toMatchObject({ swapped: true });
  const asking = new Verifier({
    broker: single.url,
    token: () => single.workloads.token('crm-api'),
    tools: { crm: { audience: 'https://crm.example', plane: 'data' } },
  });
  try {
    await asking.ready();
    await single.openTask({ id: 'run-1' });
    const { access_token: token } = await single.credential('agent-7', { task_id: 'run-1', audience: 'crm' });
    expect(await asking.verify(token, READ)).toMatchObject({ confirmedBy: 'introspection' });
    await expect(asking.verify(token, READ)).rejects.toMatchObject({ code: 'ERR_SINGLE_USE', status: 401 });
  } finally {
    await asking.close();
    await single.stop();
  }
});

test('a broker that is gone makes it stale in time, and one that comes back is followed with what was killed meanwhile', async () => {
  const [kept, ended] = [await credential('run-kept'), await credential('run-ended')];
  await becomes(kept, 'accepted');
  await broker.complete('run-ended');
  await becomes(ended, 'ERR_REVOKED');
  await broker.halt();
  await becomes(kept, 'ERR_STALE');
  expect(await tried(ended)).toBe('ERR_REVOKED');
  broker = await broker.restart({ terms });
  await becomes(kept, 'accepted');
  expect(await tried(ended)).toBe('ERR_REVOKED');
  const kinds = events.map(({ kind }) => kind);
  expect(kinds).toEqual(expect.arrayContaining(['connected', 'disconnected', 'stale', 'fresh']));
  expect(kinds).not.toContain('time_contradicted');
});
