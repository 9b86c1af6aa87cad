// No limit holds back a kill: every route that kills, while everything else of its principal and its address is refused.
import { resolve } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import type { AuditEventView } from '../../src/wire/audit.js';
import { ACCESS } from '../../src/http/access.js';
import type { Reply } from '../fixtures/broker-client.js';
import { TestBroker } from '../fixtures/broker.js';
import type { Terms } from '../fixtures/broker-configuration.js';
import { giveUpLeases } from '../fixtures/given-up.js';
import { GENEROUS } from '../fixtures/broker-configuration.js';

const SCARCE = { per_second: 0.01, burst: 1 };

interface Held {
  readonly lease: string;
  readonly token: string;
  /** Of another task: irrevocable. */
  readonly givenUp: string;
}
interface Killing {
  /** What it takes for the kill to be one. */
  readonly terms?: Terms;
  readonly as: string;
  readonly status: number;
  readonly action: string;
  kill(broker: TestBroker, held: Held, bearer: string): Promise<Reply<unknown>>;
  /** What it ends, where that is not the credential. */
  ended?(broker: TestBroker, held: Held): Promise<boolean>;
}

/** By the name of the route: a new one that kills is to stand here, too. */
const KILLS: Record<string, Killing> = {
  completeTask: {
    as: 'planner',
    status: 200,
    action: 'task.complete',
    kill: (broker, _held, bearer) => broker.call('POST', '/v1/tasks/run-1/complete', { bearer }),
  },
  signalTask: {
    terms: { policies: resolve('config/policies') },
    as: 'planner',
    status: 200,
    action: 'task.signal',
    kill: (broker, _held, bearer) =>
      broker.call('POST', '/v1/tasks/run-1/signals', { bearer, json: { type: 'anomaly' } }),
  },
  releaseLease: {
    as: 'agent-1',
    status: 200,
    action: 'lease.release',
    kill: (broker, { lease }, bearer) => broker.call('DELETE', `/v1/leases/${lease}`, { bearer }),
  },
  retryLease: {
    as: 'operator',
    status: 202,
    action: 'lease.retry',
    kill: (broker, { givenUp }, bearer) => broker.call('POST', `/v1/leases/${givenUp}/retry`, { bearer }),
    ended: async (broker, { givenUp }) => {
      const { body } = await broker.get<{ state: string }>(`/v1/leases/${givenUp}`, 'operator');
      return body.state === 'revoking';
    },
  },
  revokeToken: {
    as: 'agent-1',
    status: 200,
    action: 'token.revoke',
    kill: (broker, { token }, bearer) => broker.call('POST', '/revoke', { bearer, form: { token } }),
  },
  revoke: {
    as: 'operator',
    status: 202,
    action: 'revocation.create',
    kill: (broker, _held, bearer) =>
      broker.call('POST', '/v1/revocations', {
        bearer,
        json: { select: { agent: 'cluster/agent-1' }, reason: 'a test' },
      }),
  },
  recover: {
    as: 'operator',
    status: 200,
    action: 'store.recover',
    kill: (broker, _held, bearer) =>
      broker.call('POST', '/v1/recovery', { bearer, json: { reason: 'a test' } }),
  },
  reconcile: {
    as: 'operator',
    status: 200,
    action: 'target.reconcile',
    kill: (broker, _held, bearer) => broker.call('POST', '/v1/reconciliations', { bearer, json: {} }),
    // What it kills has no lease; a broker without targets has none of that.
    ended: () => Promise.resolve(true),
  },
};

test('these are the routes that kill', () => {
  const kills = Object.entries(ACCESS).filter(([, { kills: does }]) => does);
  expect(kills.map(([name]) => name).toSorted()).toEqual(Object.keys(KILLS).toSorted());
});

let broker: TestBroker;
let given: Terms;

async function begin({ terms = {} }: Pick<Killing, 'terms'> = {}): Promise<Held> {
  given = terms;
  let givenUp = '';
  const before = async (folder: string): Promise<void> => {
    [givenUp = ''] = await giveUpLeases(folder, 1);
  };
  broker = await TestBroker.start({ terms, before });
  await broker.openTask({ id: 'run-1', labels: { sensitivity: 'high' } });
  const { access_token: token, lease_id: lease } = await broker.credential('agent-1', {
    task_id: 'run-1',
    audience: 'crm',
  });
  return { token, lease, givenUp };
}

async function limit(limits: object): Promise<void> {
  broker.configure({ ...given, limits: { ...GENEROUS, ...limits } });
  await broker.live.reload();
}

/** Good, and never shown before. */
const freshToken = (sub: string): string => broker.workloads.sign(sub, { jti: String(Math.random()) });
const ordinary = (bearer: string) => broker.call('GET', '/v1/tools', { bearer });

async function expectKilled(held: Held, reply: Reply<unknown>, killing: Killing): Promise<void> {
  const { status, action, ended } = killing;
  expect(`${reply.status} ${reply.text}`).toMatch(new RegExp(`^${status} `));
  await limit({});
  if (ended) expect(await ended(broker, held)).toBe(true);
  else expect(await broker.introspect(held.token)).toEqual({ active: false });
  const events = await broker.auditOf(reply);
  const told = (event: AuditEventView): boolean => event.action === action && event.outcome === 'permitted';
  expect(events.filter(told)).toHaveLength(1);
}

describe('any kill', () => {
  afterEach(() => broker.stop());

  describe.each(Object.entries(KILLS))('%s goes through, and is recorded in full', (_name, killing) => {
    const { as, kill } = killing;

    test('while every other request of its principal is refused', async () => {
      const held = await begin(killing);
      await limit({ requests_per_principal: SCARCE });
      const token = broker.workloads.token(as);
      await ordinary(token);
      for (let n = 0; n < 20; n++) expect((await ordinary(token)).status).toBe(429);
      const reply = await kill(broker, held, token);
      expect((await ordinary(token)).status).toBe(429);
      await expectKilled(held, reply, killing);
    });

    test('while every other request from its address is refused, by a token that nobody has seen before', async () => {
      const held = await begin(killing);
      await limit({ refusals_per_address: SCARCE, recorded_refusals: SCARCE });
      for (let n = 0; n < 20; n++) await ordinary('garbage');
      expect((await ordinary(freshToken(as))).status).toBe(429);
      const reply = await kill(broker, held, freshToken(as));
      await expectKilled(held, reply, killing);
    });

    test('in the midst of a hundred requests that are all written to the audit log', async () => {
      const held = await begin(killing);
      const flood = Promise.all(Array.from({ length: 100 }, () => ordinary('garbage')));
      const reply = await kill(broker, held, broker.workloads.token(as));
      await expectKilled(held, reply, killing);
      expect((await flood).every(({ status }) => status === 401)).toBe(true);
    });
  });

  test('a flood of garbage at routes that kill costs a verification each, and no record each', async () => {
    await begin();
    await limit({ refusals_per_address: { per_second: 0.01, burst: 5 }, summary_every: '1s' });
    const before = (await broker.audit({}))[0]!.sequence;
    for (let n = 0; n < 100; n++) {
      const reply = await broker.call('DELETE', '/v1/leases/lease_1', { bearer: `garbage-${n}` });
      expect(reply.status).toBe(401);
    }
    await broker.halt();
    broker = await broker.restart();
    const events = await broker.audit({ after: String(before) });
    const told = events.filter(({ reason }) => reason === 'token_malformed');
    expect(told.map(({ action, detail }) => [action, detail['count']])).toEqual([
      ['request.limited', 95],
      ...Array.from({ length: 5 }, () => ['lease.release', undefined]),
    ]);
  });

  test('a flood of kills that are refused is recorded one by one as far as the rate of its principal goes', async () => {
    await begin();
    await limit({ requests_per_principal: { per_second: 0.01, burst: 5 }, summary_every: '1s' });
    for (let n = 0; n < 50; n++) expect((await broker.release('lease_1', 'agent-2')).status).toBe(404);
    await limit({});
    await broker.halt();
    broker = await broker.restart();
    const events = await broker.audit({ agent: 'cluster/agent-2' });
    expect(events.map(({ action, detail }) => [action, detail['count']])).toEqual([
      ['request.limited', 45],
      ...Array.from({ length: 5 }, () => ['lease.release', undefined]),
    ]);
    expect(events[0]).toMatchObject({ reason: 'lease_unknown', detail: { reasons: { lease_unknown: 45 } } });
  });

  test('a flood of what is no credential, shown by somebody who is known, is recorded as far as its rate goes', async () => {
    const { token, lease } = await begin();
    await limit({ requests_per_principal: { per_second: 0.01, burst: 5 }, summary_every: '1s' });
    const show = (shown: string) => broker.call('POST', '/revoke', { as: 'agent-1', form: { token: shown } });
    for (let n = 0; n < 50; n++) expect((await show(`garbage-${n}`)).status).toBe(200);
    expect((await show(token)).status).toBe(200);
    broker = await broker.restart();
    const events = await broker.audit({ agent: 'cluster/agent-1' });
    expect(events.filter(({ action }) => action === 'token.revoke')).toHaveLength(6);
    expect(events.find(({ action }) => action === 'request.limited')).toMatchObject({
      detail: { count: 45 },
    });
    expect(await broker.audit({ lease })).toContainEqual(
      expect.objectContaining({ action: 'token.revoke', outcome: 'permitted' }),
    );
  });
});
