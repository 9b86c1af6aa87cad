// Receipts over the wire: who may have one, when there is one, what it says of each credential, and that nobody else can write it.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { JSONWebKeySet } from 'jose';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { verifyReceipt } from '../../src/sdk/verifier/index.js';
import type { ReceiptClaims } from '../../src/wire/receipt.js';
import { receiptClaims } from '../../src/wire/receipt.js';
import { TestBroker } from '../fixtures/broker.js';

let broker: TestBroker;
beforeAll(async () => {
  broker = await TestBroker.start();
});
afterAll(() => broker.stop());

const keys = async (at = '/jwks/receipts'): Promise<JSONWebKeySet> =>
  (await broker.call<JSONWebKeySet>('GET', at)).body;
const receiptOf = (task: string, as = 'planner') => broker.get(`/v1/tasks/${task}/receipt`, as);

/** Checked by a library that is not ours. */
async function claims(text: string): Promise<ReceiptClaims> {
  const options = { issuer: broker.url, typ: 'mayfly-receipt+jwt' };
  const { payload } = await jwtVerify(text, createLocalJWKSet(await keys()), options);
  return receiptClaims.parse(payload);
}

/** A task that had one credential given back, and one that its end killed. */
async function ended(id: string): Promise<{ readonly given: string; readonly kept: string }> {
  await broker.openTask({ id });
  const given = await broker.credential('agent-1', { task_id: id, audience: 'crm', scope: 'read' });
  const kept = await broker.credential('agent-2', { task_id: id, audience: 'search' });
  await broker.release(given.lease_id, 'agent-1');
  await broker.complete(id);
  return { given: given.lease_id, kept: kept.lease_id };
}

describe('the receipt of a task that is over', () => {
  test('states of each credential what it was, when its end was ordered and when that was confirmed', async () => {
    const { given, kept } = await ended('run-1');
    const read = await receiptOf('run-1');
    expect([read.status, read.headers.get('content-type'), read.headers.get('cache-control')]).toEqual([
      200,
      'application/mayfly-receipt+jwt',
      'no-store',
    ]);
    const said = await claims(read.text);
    const { body: task } = await broker.get<{ closed_at: string; opened_at: string }>(
      '/v1/tasks/run-1',
      'planner',
    );
    expect(said).toMatchObject({
      sub: 'run-1',
      task: {
        orchestrator: 'cluster/planner',
        outcome: 'completed',
        opened_at: task.opened_at,
        closed_at: task.closed_at,
        closed_by: 'cluster/planner',
      },
      counts: { active: 0, revoking: 0, revoked: 2, irrevocable: 0 },
      left_out: 0,
    });
    expect(said.credentials.map(({ lease_id: lease }) => lease)).toEqual([given, kept]);
    const [first, second] = said.credentials;
    expect(first).toMatchObject({
      agent: 'cluster/agent-1',
      tool: 'crm',
      kind: 'jwt',
      revocation: 'pushed',
      scope: 'read',
      state: 'revoked',
      cause: 'lease',
    });
    expect(first!.confirmed_at).toBe(first!.requested_at);
    expect(second).toMatchObject({
      agent: 'cluster/agent-2',
      tool: 'search',
      state: 'revoked',
      cause: 'task',
    });
    expect([second!.requested_at, second!.confirmed_at]).toEqual([task.closed_at, task.closed_at]);
    expect(said.policy_digests).toEqual([first!.policy_digest]);
  });

  test('is there for operators and auditors, and every reading of it is on record', async () => {
    await ended('run-2');
    for (const as of ['operator', 'auditor']) expect((await receiptOf('run-2', as)).status).toBe(200);
    expect(await broker.auditOf(await receiptOf('run-2'))).toMatchObject([
      { action: 'task.receipt', outcome: 'permitted', task_id: 'run-2', detail: { credentials: 2 } },
    ]);
  });

  test('leaves to tasks below it what was theirs', async () => {
    await broker.openTask({ id: 'run-3' });
    await broker.openTask({ id: 'run-3.part', parent: 'run-3' });
    await broker.credential('agent-1', { task_id: 'run-3.part', audience: 'crm' });
    await broker.complete('run-3');
    expect((await claims((await receiptOf('run-3')).text)).credentials).toEqual([]);
    const part = await claims((await receiptOf('run-3.part')).text);
    expect(part.task.parent).toBe('run-3');
    expect(part.credentials).toHaveLength(1);
  });
});

test('there is none while the task is open: 409, which says when to ask again', async () => {
  await broker.openTask({ id: 'run-4' });
  const { status, body, headers } = await receiptOf('run-4');
  expect([status, body.type, headers.get('retry-after')]).toEqual([
    409,
    'urn:mayfly:problem:not-settled',
    '1',
  ]);
});

describe('nobody else can write one', () => {
  test('an altered one, one of another broker, of another task, or by other keys is none', async () => {
    await ended('run-5');
    const { text } = await receiptOf('run-5');
    const terms = { issuer: broker.url, keys: await keys() };
    expect(verifyReceipt(text, terms)?.sub).toBe('run-5');
    expect(verifyReceipt(text, { ...terms, task: 'run-5' })?.sub).toBe('run-5');
    const [head, payload, signature] = text.split('.') as [string, string, string];
    const other = Buffer.from(
      Buffer.from(payload, 'base64url').toString().replace('completed', 'cancelled'),
    ).toString('base64url');
    expect(other).not.toBe(payload);
    for (const bad of [`${head}.${other}.${signature}`, `${text}A`, '', 'a.b.c'])
      expect(verifyReceipt(bad, terms)).toBeUndefined();
    expect(verifyReceipt(text, { ...terms, issuer: 'https://other.example' })).toBeUndefined();
    expect(verifyReceipt(text, { ...terms, task: 'run-1' })).toBeUndefined();
    for (const at of ['/jwks', '/jwks/feed'])
      expect(verifyReceipt(text, { ...terms, keys: await keys(at) })).toBeUndefined();
  });

  test('a credential is no receipt, even among all keys, and a receipt is no credential and no workload token', async () => {
    await broker.openTask({ id: 'run-6' });
    const { access_token: token } = await broker.credential('agent-1', { task_id: 'run-6', audience: 'crm' });
    const all = [await keys(), await keys('/jwks'), await keys('/jwks/feed')].flatMap((set) => set.keys);
    expect(verifyReceipt(token, { issuer: broker.url, keys: { keys: all } })).toBeUndefined();
    await broker.complete('run-6');
    const { text } = await receiptOf('run-6');
    expect((await broker.call('POST', '/introspect', { as: 'gateway', form: { token: text } })).body).toEqual(
      {
        active: false,
      },
    );
    expect((await broker.call('GET', '/v1/tasks/run-6', { bearer: text })).status).toBe(401);
  });
});
