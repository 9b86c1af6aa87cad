// Floods of what is refused before anybody is known: little is recorded, nobody else pays, and no header changes that.
import { afterEach, describe, expect, test } from '@jest/globals';
import { connect } from 'node:net';
import type { AuditEventView } from '../../src/wire/audit.js';
import type { BrokerClient } from '../fixtures/broker-client.js';
import { TestBroker } from '../fixtures/broker.js';
import { GENEROUS } from '../fixtures/broker-configuration.js';
import { until } from '../fixtures/until.js';

let broker: TestBroker;
afterEach(() => broker.stop());

const BURST = 5;
const SCARCE = { per_second: 0.01, burst: BURST };
const limited = (limits: object): object => ({ limits: { ...GENEROUS, summary_every: '1s', ...limits } });
const start = async (limits: object, more: object = {}): Promise<void> => {
  broker = await TestBroker.start({ terms: { ...limited(limits), ...more } });
};
const asked = { task_id: 'run-1', audience: 'crm' };
const fresh = (sub: string): string => broker.workloads.sign(sub, { jti: String(Math.random()) });
const exchangeBy = (token: string, client: BrokerClient = broker, headers: Record<string, string> = {}) =>
  client.call<{ error?: string }>('POST', '/token', {
    form: { ...client.exchangeForm('agent-1', asked), subject_token: token },
    headers,
  });
const garbage = (client: BrokerClient = broker, headers: Record<string, string> = {}) =>
  exchangeBy(`garbage-${Math.random()}`, client, headers);

/** What is on record once the broker has written all it has to write. */
async function recorded(): Promise<AuditEventView[]> {
  broker = await broker.restart();
  return broker.audit({});
}
const summaries = (events: readonly AuditEventView[]): unknown[] =>
  events.filter(({ action }) => action === 'request.limited').map(({ detail }) => detail);
const oneByOne = (events: readonly AuditEventView[]): number =>
  events.filter(({ outcome, action }) => outcome === 'refused' && action !== 'request.limited').length;

describe('one address that tries tokens', () => {
  test('gets what each deserves as long as it keeps to its limit, then 429 unseen, and when to come again', async () => {
    await start({ refusals_per_address: { per_second: 1, burst: BURST } });
    const replies = [];
    for (let n = 0; n < BURST + 1; n++) replies.push(await garbage());
    expect(replies.map(({ status }) => status)).toEqual([...Array<number>(BURST).fill(400), 429]);
    const last = replies.at(-1)!;
    expect(last.body.error).toBe('temporarily_unavailable');
    expect(last.headers.get('retry-after')).toBe('1');
    const listed = await broker.call('GET', '/v1/tools', { bearer: 'garbage' });
    expect([listed.status, listed.body.type]).toEqual([429, 'urn:mayfly:problem:rate-limited']);
    await until('it may try one more', async () => (await garbage()).status === 400, { withinMs: 2000 });
  });

  test('locks out nobody who was known a moment ago, and nobody elsewhere', async () => {
    await start({ refusals_per_address: SCARCE });
    await broker.openTask({ id: 'run-1' });
    const known = fresh('agent-1');
    expect((await exchangeBy(known)).status).toBe(200);
    for (let n = 0; n < 4 * BURST; n++) await garbage();
    expect((await exchangeBy(known)).status).toBe(200);
    expect((await exchangeBy(fresh('agent-1'))).status).toBe(429);
    expect((await exchangeBy(fresh('agent-1'), broker.from('127.0.0.2'))).status).toBe(200);
  });

  test('fills neither the audit log nor the log, whatever it tries', async () => {
    await start({ refusals_per_address: SCARCE });
    const lines = broker.log.length;
    const tries: (() => Promise<unknown>)[] = [
      () => garbage(),
      () => broker.call('POST', '/token', { raw: 'nonsense' }),
      () => broker.call('GET', '/v1/tools'),
      () => broker.call('GET', `/wp-admin/${Math.random()}`),
      () => broker.call('PUT', '/token'),
      () => broker.call('GET', '/v1/leases/x', { bearer: 'garbage' }),
      () => unreadable(),
    ];
    for (let round = 0; round < 20; round++) for (const attempt of tries) await attempt();
    expect(broker.log.length - lines).toBeLessThan(20);
    const events = await recorded();
    expect(oneByOne(events)).toBe(BURST);
    const counted = summaries(events) as { count: number; limit: string; address: string }[];
    expect(counted.reduce((sum, { count }) => sum + count, 0)).toBe(20 * tries.length - BURST);
    expect(new Set(counted.map(({ limit, address }) => `${limit} ${address}`))).toEqual(
      new Set(['refusals_per_address 127.0.0.1']),
    );
  });

  test('pays nothing for what is let through: with a thousand principals it is one good address', async () => {
    await start({ refusals_per_address: { per_second: 0.01, burst: 1 } });
    await broker.openTask({ id: 'run-1' });
    const tokens = Array.from({ length: 1000 }, (_, n) => fresh(`agent-${n}`));
    const replies = await Promise.all(tokens.map((token) => exchangeBy(token)));
    expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([200]));
  }, 90_000);

  test('is told under the request id of the first that was not recorded by itself', async () => {
    await start({ refusals_per_address: { per_second: 0.01, burst: 1 } });
    await garbage();
    const unseen = await garbage();
    broker = await broker.restart();
    expect(await broker.auditOf(unseen)).toMatchObject([
      { action: 'request.limited', reason: 'rate_limited', detail: { count: 1, address: '127.0.0.1' } },
    ]);
  });
});

/** What is no HTTP at all, answered and closed. */
const unreadable = (): Promise<void> =>
  new Promise((resolve, reject) => {
    const socket = connect({ port: Number(new URL(broker.url).port), host: '127.0.0.1' });
    socket.on('error', reject);
    socket.on('close', () => resolve());
    socket.resume();
    socket.end('EHLO there\r\n\r\n');
  });

const madeUp = (n: number) => ({ 'x-forwarded-for': `203.0.113.${n}`, forwarded: `for=203.0.113.${n}` });

const via = (header: string) => garbage(broker, { 'x-forwarded-for': header });

test('somebody who is known and has no role is recorded as a stranger, and no neighbour pays for it', async () => {
  await start({ recorded_refusals: SCARCE, refusals_per_address: SCARCE });
  const stranger = fresh('nobody');
  const replies = [];
  for (let n = 0; n < 30; n++) replies.push(await broker.call('GET', '/v1/audit', { bearer: stranger }));
  expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([403]));
  expect((await broker.call('GET', '/v1/tools', { bearer: fresh('agent-1') })).status).toBe(200);
  const events = await recorded();
  expect(oneByOne(events)).toBe(BURST);
  expect(summaries(events)).toMatchObject([{ limit: 'recorded_refusals', count: 30 - BURST }]);
});

describe('many addresses', () => {
  test('each within its limit: what all of them together try is recorded in summary, and refused as it deserves', async () => {
    // Written once, at the end: how long it takes is not the point.
    const bounds = { refusals_per_address: { per_second: 1, burst: 2 }, recorded_refusals: SCARCE };
    await start({ ...bounds, summary_every: '10m' });
    const callers = Array.from({ length: 100 }, (_, n) => broker.from(`127.0.3.${n + 1}`));
    const replies = await Promise.all(callers.map((caller) => garbage(caller)));
    expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([400]));
    const events = await recorded();
    expect(oneByOne(events)).toBe(BURST);
    const counted = summaries(events) as { count: number; limit: string }[];
    expect(counted.length).toBeLessThanOrEqual(14);
    expect(counted.reduce((sum, { count }) => sum + count, 0)).toBe(100 - BURST);
  });

  test('that a header makes up are one address', async () => {
    await start({ refusals_per_address: SCARCE });
    for (let n = 0; n < BURST; n++) await garbage(broker, madeUp(n));
    expect((await garbage(broker, madeUp(99))).status).toBe(429);
  });

  test('behind a proxy that is trusted have a limit each, and who writes into its header is still itself', async () => {
    await start({ refusals_per_address: SCARCE }, { trusted_proxies: ['127.0.0.1/32'] });
    for (let n = 0; n < BURST; n++) expect((await via(`198.51.100.${n}, 203.0.113.1`)).status).toBe(400);
    expect((await via('203.0.113.1')).status).toBe(429);
    expect((await via('198.51.100.99, 203.0.113.1')).status).toBe(429);
    expect((await via('203.0.113.2')).status).toBe(400);
    // Not through the proxy: its header is nobody's word.
    const direct = broker.from('127.0.0.9');
    for (let n = 0; n < BURST; n++) await garbage(direct, { 'x-forwarded-for': `203.0.113.${100 + n}` });
    expect((await garbage(direct, { 'x-forwarded-for': '203.0.113.7' })).status).toBe(429);
  });

  test('of one IPv6 network are one caller', async () => {
    await start({ refusals_per_address: SCARCE }, { trusted_proxies: ['127.0.0.1/32'] });
    for (let n = 0; n < BURST; n++) await via(`2001:db8:1:2::${n + 1}`);
    expect((await via('2001:db8:1:2:ffff::1')).status).toBe(429);
    expect((await via('2001:db8:1:3::1')).status).toBe(400);
  });
});
