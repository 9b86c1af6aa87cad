// Tasks that bind the instance: the same agent in another pod, or with another key, gets nothing, and learns nothing.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { systemClock } from '../../src/domain/clock.js';
import { TestBroker } from '../fixtures/broker.js';
import type { Credential, Reply } from '../fixtures/broker-client.js';
import { withoutRequestId } from '../fixtures/broker-refusals.js';
import { Workloads } from '../fixtures/broker-workloads.js';
import { Prover } from '../fixtures/prover.js';

const CLUSTER = 'https://kubernetes.example';
const ACCOUNT = 'system:serviceaccount:agents:agent-7';
const clock = systemClock();

let broker: TestBroker;
beforeAll(async () => {
  const trust = [
    Workloads.trust('./workloads.jwks.json'),
    {
      name: 'k8s',
      kind: 'kubernetes',
      issuer: CLUSTER,
      audience: 'mayfly',
      algorithms: ['ES256'],
      jwks_file: './workloads.jwks.json',
      roles: { agent: { namespace: 'agents', service_account: 'agent-*' } },
    },
  ];
  broker = await TestBroker.start({ terms: { trust } });
});
afterAll(() => broker.stop());

/** Of the same service account in a pod; without one, a token that is bound to none. */
const podToken = (pod?: string): string =>
  broker.workloads.sign(ACCOUNT, {
    iss: CLUSTER,
    'kubernetes.io': {
      namespace: 'agents',
      serviceaccount: { name: 'agent-7', uid: 'account-uid' },
      ...(pod !== undefined && { pod: { name: 'agent-7-x', uid: pod } }),
    },
  });
const inPod = (task: string, pod?: string): Promise<Reply<Credential>> =>
  broker.call<Credential>('POST', '/token', {
    form: {
      ...broker.exchangeForm('agent-7', { task_id: task, audience: 'crm' }),
      subject_token: podToken(pod),
    },
  });
const withKey = (task: string, prover?: Prover): Promise<Reply<Credential>> =>
  broker.call<Credential>('POST', '/token', {
    form: broker.exchangeForm('agent-1', { task_id: task, audience: 'crm' }),
    headers: prover ? { dpop: prover.proof('POST', `${broker.url}/token`) } : {},
  });
const open = (id: string, instance?: object, more: object = {}) =>
  broker.openTask({
    id,
    agents: [`k8s/${ACCOUNT}`, 'cluster/agent-*'],
    ...(instance && { instance }),
    ...more,
  });
const renew = (lease: string, pod?: string): Promise<Reply<Credential>> =>
  broker.call<Credential>('POST', `/v1/leases/${lease}/renew`, { bearer: podToken(pod), json: {} });

async function expectStranger(reply: Reply<Credential>): Promise<void> {
  expect((await broker.auditOf(reply)).map(({ reason }) => reason)).toEqual(['instance_mismatch']);
  const unknown = await broker.call('POST', '/token', {
    form: {
      ...broker.exchangeForm('agent-7', { task_id: 'no-such-task', audience: 'crm' }),
      subject_token: podToken('pod-1'),
    },
  });
  expect(withoutRequestId(reply)).toBe(withoutRequestId(unknown));
}

describe('a task that names the pod', () => {
  test('shows it, and gives credentials to that pod alone', async () => {
    const { status, body } = await open('run-named', { kind: 'pod', id: 'pod-1' });
    expect([status, body]).toEqual([
      201,
      expect.objectContaining({ instance: { kind: 'pod', id: 'pod-1' } }),
    ]);
    const own = await inPod('run-named', 'pod-1');
    expect(own.status).toBe(200);
    const { body: lease } = await broker.get(`/v1/leases/${own.body.lease_id}`, 'operator');
    expect(lease).toMatchObject({ instance: 'pod:pod-1' });
    await expectStranger(await inPod('run-named', 'pod-2'));
    await expectStranger(await inPod('run-named'));
  });

  test('renews in that pod alone: a token that was copied elsewhere renews nothing', async () => {
    const { lease_id: lease } = (await inPod('run-named', 'pod-1')).body;
    for (const pod of ['pod-2', undefined]) {
      const reply = await renew(lease, pod);
      expect([reply.status, (await broker.auditOf(reply))[0]?.reason]).toEqual([404, 'instance_mismatch']);
    }
    expect((await renew(lease, 'pod-1')).status).toBe(200);
  });

  test('says nothing to an agent whose tokens tell of no pod at all', async () => {
    const reply = await broker.exchange('agent-1', { task_id: 'run-named', audience: 'crm' });
    await expectStranger(reply);
  });
});

describe('a task that is bound by first use', () => {
  test('belongs to the first pod that came, in the whole tree, also for renewals', async () => {
    await open('run-first', { kind: 'pod' });
    await open('run-first.child', { kind: 'pod' }, { parent: 'run-first' });
    const first = await inPod('run-first.child', 'pod-1');
    expect(first.status).toBe(200);
    await expectStranger(await inPod('run-first', 'pod-2'));
    await expectStranger(await inPod('run-first.child', 'pod-2'));
    expect((await inPod('run-first', 'pod-1')).status).toBe(200);
    expect((await renew(first.body.lease_id, 'pod-2')).status).toBe(404);
    expect((await renew(first.body.lease_id, 'pod-1')).status).toBe(200);
  });

  test('is not bound by a request that came to nothing', async () => {
    await open('run-later', { kind: 'pod' });
    const form = { ...broker.exchangeForm('x', { task_id: 'run-later', audience: 'crm', scope: 'destroy' }) };
    const refused = await broker.call('POST', '/token', {
      form: { ...form, subject_token: podToken('pod-1') },
    });
    expect(refused.status).toBe(400);
    expect((await inPod('run-later', 'pod-2')).status).toBe(200);
  });
});

describe('a task that is bound to a key', () => {
  test('by first use, belongs to whoever proved the first one', async () => {
    await open('run-key', { kind: 'key' });
    const [own, stranger] = [new Prover(clock), new Prover(clock)];
    await expectStranger(await withKey('run-key'));
    expect((await withKey('run-key', own)).body.token_type).toBe('DPoP');
    await expectStranger(await withKey('run-key', stranger));
    await expectStranger(await withKey('run-key'));
    expect((await withKey('run-key', own)).status).toBe(200);
  });

  test('by name, is open to that key from the first', async () => {
    const [own, stranger] = [new Prover(clock), new Prover(clock)];
    await open('run-jkt', { kind: 'key', id: own.jkt });
    await expectStranger(await withKey('run-jkt', stranger));
    expect((await withKey('run-jkt', own)).status).toBe(200);
  });
});

describe('opening', () => {
  test.each([
    ['another pod', { kind: 'pod', id: 'pod-2' }],
    ['the first pod that comes', { kind: 'pod' }],
    ['a key', { kind: 'key' }],
    ['nothing', undefined],
  ])('a child for %s is refused below a task for a pod', async (_, instance) => {
    await open('run-parent', { kind: 'pod', id: 'pod-1' });
    const reply = await open('run-parent.child', instance, { parent: 'run-parent' });
    expect([reply.status, reply.body.type]).toEqual([403, 'urn:mayfly:problem:exceeds-parent']);
  });

  test('a child may bind what its parent leaves open', async () => {
    await open('run-open');
    expect((await open('run-open.child', { kind: 'pod', id: 'pod-1' }, { parent: 'run-open' })).status).toBe(
      201,
    );
    await expectStranger(await inPod('run-open.child', 'pod-2'));
    expect((await inPod('run-open', 'pod-2')).status).toBe(200);
  });

  test('the same task with another instance is another body', async () => {
    await open('run-same', { kind: 'pod', id: 'pod-1' });
    expect((await open('run-same', { kind: 'pod', id: 'pod-1' })).status).toBe(200);
    expect((await open('run-same', { kind: 'pod', id: 'pod-2' })).status).toBe(409);
    expect((await open('run-same')).status).toBe(409);
  });

  test.each([
    [{ kind: 'node' }],
    [{ kind: 'pod', id: '' }],
    [{ kind: 'pod', id: 'a b' }],
    [{ kind: 'pod', more: 1 }],
    ['pod'],
  ])('with %j for an instance is refused', async (instance) => {
    const reply = await open('run-bad', instance as object);
    expect(reply.status).toBe(400);
    expect(reply.body.flaws?.[0]?.at).toMatch(/^instance/);
  });
});
