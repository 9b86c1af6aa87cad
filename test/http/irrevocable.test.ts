// What operators do about credentials that could not be revoked, from the metric that tells of them to the record that stays.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Secret } from '../../src/domain/secret.js';
import { MayflyClient } from '../../src/sdk/client/index.js';
import { ran } from '../cli/fake-shell.js';
import { TestBroker } from '../fixtures/broker.js';
import { giveUpLeases } from '../fixtures/given-up.js';

let broker: TestBroker;
let ids: string[];

beforeAll(async () => {
  broker = await TestBroker.start({ before: async (folder) => void (ids = await giveUpLeases(folder, 4)) });
});
afterAll(() => broker.stop());

const operator = (): MayflyClient =>
  new MayflyClient({ url: broker.url, token: () => broker.workloads.token('operator') });
const mayfly = (...args: string[]) =>
  ran(args, { environment: { url: broker.url, token: new Secret(broker.workloads.token('operator')) } });
const counted = async (name: string): Promise<number> =>
  Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(await operator().readMetrics())?.[1]);

test('they are counted, listed, and given to nobody’s agents', async () => {
  expect(await counted('mayfly_irrevocable_leases')).toBe(4);
  const { leases } = await operator().listLeases({ state: 'irrevocable' });
  expect(leases.map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
  for (const as of ['agent-1', 'auditor', 'planner', 'crm-api']) {
    for (const [path, json] of [['retry'], ['force', { reason: 'a test' }]] as const) {
      const { status } = await broker.call('POST', `/v1/leases/${ids[0]!}/${path}`, {
        as,
        ...(json && { json }),
      });
      expect([as, path, status]).toEqual([as, path, 403]);
    }
  }
  expect(await counted('mayfly_irrevocable_leases')).toBe(4);
});

test('one that is tried again is revoking, and the broker is at it', async () => {
  const [id = ''] = ids;
  expect(await operator().retryLease(id)).toMatchObject({ id, state: 'revoking' });
  expect(await counted('mayfly_irrevocable_leases_taken_up_total\\{change="retry"\\}')).toBe(1);
  const [event] = await broker.audit({ lease: id, limit: '1' });
  expect(event).toMatchObject({
    action: 'lease.retry',
    outcome: 'permitted',
    principal: 'cluster/operator',
    task_id: 'given-up',
    tool: 'ledger',
  });
});

test('one that is forced is revoked, and the record says by whose word and that nobody confirmed it', async () => {
  const id = ids[1]!;
  const forced = await operator().forceLease(id, { reason: 'dropped by hand' });
  expect(forced).toMatchObject({
    state: 'revoked',
    ended: { cause: 'lease', forced: { by: 'cluster/operator', reason: 'dropped by hand' } },
  });
  expect(forced.confirmed_at).toBeUndefined();
  expect(await operator().readLease(id)).toEqual(forced);
  const [event] = await broker.audit({ request: forced.ended!.forced!.request_id });
  expect(event).toMatchObject({ action: 'lease.force', lease_id: id, detail: { reason: 'dropped by hand' } });
  const again = operator().forceLease(id, { reason: 'dropped by hand' });
  await expect(again).rejects.toMatchObject({ status: 409, problem: 'not-irrevocable' });
});

test('the command line does both, and shows which is which', async () => {
  const [, , retried = '', forced = ''] = ids;
  expect((await mayfly('lease', 'retry', retried)).out).toMatch(/^state +revoking$/m);
  expect(await mayfly('lease', 'force', forced)).toMatchObject({ exit: 2 });
  const { out } = await mayfly('lease', 'force', forced, '--reason', 'seen to be gone');
  expect(out).toMatch(/^forced +.* by cluster\/operator \("seen to be gone"\).*: no target confirmed it$/m);
  expect((await mayfly('lease', 'list', '--task', 'given-up')).out).toMatch(/revoked \(forced\)/);
  expect((await mayfly('why', forced)).out).toContain('cluster/operator said');
});
