// The door for those who must get in whatever happens at the other one: the same routes, a line of its own.
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { freePort } from '../../examples/demo/port.js';
import { BrokerClient } from '../fixtures/broker-client.js';
import { TestBroker } from '../fixtures/broker.js';
import { until } from '../fixtures/until.js';

let broker: TestBroker;
let reserved: BrokerClient;
const sockets: Socket[] = [];
beforeAll(async () => {
  const listen = `127.0.0.1:${await freePort()}`;
  broker = await TestBroker.start({ terms: { operations: { listen }, http: { max_connections: 8 } } });
  reserved = new BrokerClient(`http://${listen}`, broker.workloads);
});
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await broker.stop();
});

test('takes every call that the other one takes, on the same state', async () => {
  await broker.openTask({ id: 'run-1' });
  const held = await reserved.credential('agent-1', { task_id: 'run-1', audience: 'crm' });
  expect((await broker.introspect(held.access_token)).active).toBe(true);
  const { status } = await reserved.post('/v1/revocations', 'operator', {
    select: { task: 'run-1' },
    reason: 'now',
  });
  expect(status).toBe(202);
  expect((await broker.introspect(held.access_token)).active).toBe(false);
});

test('asks for a token as well', async () => {
  expect((await reserved.call('POST', '/v1/revocations')).status).toBe(401);
});

test('has places of its own: who takes all of the others takes none of these', async () => {
  await broker.openTask({ id: 'run-2' });
  const { port } = new URL(broker.url);
  const silent = `POST /token HTTP/1.1\r\nHost: x\r\nX-Slow: `;
  for (let index = 0; index < 200; index++) {
    const socket = connect({ port: Number(port), host: '127.0.0.1', localAddress: `127.5.0.${index + 1}` });
    socket.on('error', () => {});
    socket.write(silent);
    sockets.push(socket);
  }
  await until('they have come', () =>
    sockets.some(({ destroyed, readableEnded }) => destroyed || readableEnded),
  );
  const { status } = await reserved.post('/v1/tasks/run-2/complete', 'planner', {});
  expect(status).toBe(200);
});

test('says in the log where it is', () => {
  const told = broker.log.find((line) => line.includes('operations are here'));
  expect(JSON.parse(told ?? '{}')).toMatchObject({ url: reserved.url });
});
