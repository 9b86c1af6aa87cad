// The listener for those who watch: what it tells, to whom, and that it is none of the callers' doors.
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { freePort } from '../../examples/demo/port.js';
import { BrokerClient } from '../fixtures/broker-client.js';
import { TestBroker } from '../fixtures/broker.js';
import { until } from '../fixtures/until.js';

let broker: TestBroker;
let watched: BrokerClient;
beforeAll(async () => {
  const listen = `127.0.0.1:${await freePort()}`;
  broker = await TestBroker.start({ terms: { metrics: { listen } } });
  watched = new BrokerClient(`http://${listen}`, broker.workloads);
});
afterAll(() => broker.stop());

test('tells metrics to whoever asks, without a token', async () => {
  const reply = await watched.call('GET', '/metrics');
  expect([reply.status, reply.headers.get('content-type')]).toEqual([
    200,
    expect.stringMatching(/^text\/plain; version=/),
  ]);
  expect(reply.text).toMatch(/^mayfly_ready 1$/m);
  expect(reply.text).toMatch(/^mayfly_connections_open \d+$/m);
});

test.each([
  ['GET', '/healthz', 200, { status: 'alive' }],
  ['GET', '/readyz', 200, { status: 'ready' }],
  ['GET', '/healthz?from=probe', 200, { status: 'alive' }],
  ['HEAD', '/metrics', 200, {}],
  ['POST', '/metrics', 405, {}],
  ['DELETE', '/healthz', 405, {}],
  // Nothing of what callers come for.
  ['POST', '/token', 404, {}],
  ['GET', '/jwks', 404, {}],
  ['GET', '/v1/tools', 404, {}],
  ['POST', '/v1/revocations', 404, {}],
  ['GET', '/__proto__', 404, {}],
  ['GET', '/constructor', 404, {}],
  ['GET', '/', 404, {}],
])('answers %s %s with %d', async (method, path, status, body) => {
  const reply = await watched.call(method, path, { as: 'operator' });
  expect(reply.status).toBe(status);
  expect(reply.body).toMatchObject(body);
  expect(reply.headers.get('x-content-type-options')).toBe('nosniff');
  expect(reply.headers.get('cache-control')).toBe('no-store');
});

test('leaves nothing in the record: probes come every few seconds', async () => {
  const before = (await broker.audit({}))[0]?.sequence ?? 0;
  for (const path of ['/readyz', '/metrics', '/none']) await watched.call('GET', path);
  const actions = (await broker.audit({ after: String(before) })).map(({ action }) => action);
  expect(new Set(actions)).toEqual(new Set(['audit.read']));
});

test('has limits of its own: connections beyond them are closed, and callers do not notice', async () => {
  const sockets = Array.from({ length: 100 }, () => connect(Number(new URL(watched.url).port), '127.0.0.1'));
  let closed = 0;
  for (const socket of sockets) socket.on('error', () => {}).on('close', () => closed++);
  await until('some are closed', () => closed >= 36);
  expect((await broker.get('/v1/tools', 'agent-1')).status).toBe(200);
  for (const socket of sockets) socket.destroy();
  await until('it answers again', () =>
    watched.call('GET', '/healthz').then(
      ({ status }) => status === 200,
      () => false,
    ),
  );
});

test('is still there while the last callers are answered, and then no more', async () => {
  const listen = `127.0.0.1:${await freePort()}`;
  const leaving = await TestBroker.start({ terms: { metrics: { listen } } });
  const watching = new BrokerClient(`http://${listen}`, leaving.workloads);
  const stuck = connect(Number(new URL(leaving.url).port), '127.0.0.1');
  stuck.write(
    'POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 9\r\n\r\n',
  );
  await until('it arrived', async () => (await leaving.get('/v1/tools', 'agent-1')).status === 200);
  const stopped = leaving.halt();
  await until('it says that it is going', async () => (await watching.call('GET', '/readyz')).status === 503);
  stuck.destroy();
  await stopped;
  await expect(watching.call('GET', '/readyz')).rejects.toThrow(/ECONNREFUSED|hang up|ECONNRESET/);
  await leaving.stop();
});
