// A configuration that is swapped while requests are under way: nobody acts on what it no longer says.
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { CRM, SEARCH } from '../fixtures/broker-configuration.js';
import { Workloads } from '../fixtures/broker-workloads.js';
import { TestBroker } from '../fixtures/broker.js';

let broker: TestBroker;
beforeEach(async () => {
  broker = await TestBroker.start();
});
afterEach(() => broker.stop());

test('a tool that became another one renews nothing, and the lease keeps its end', async () => {
  await broker.openTask({ id: 'renewed' });
  const { lease_id: lease } = await broker.credential('agent-1', { task_id: 'renewed', audience: 'crm' });
  const before = await broker.get(`/v1/leases/${lease}`, 'agent-1');
  broker.configure({ tools: { crm: { ...CRM, plane: 'cloud' }, search: SEARCH } });
  expect(await broker.live.reload()).toMatchObject({ swapped: true });

  const refused = await broker.renew(lease, 'agent-1');
  expect(refused.status).toBe(404);
  expect(await broker.auditOf(refused)).toMatchObject([{ outcome: 'refused', reason: 'target_unknown' }]);
  expect((await broker.get(`/v1/leases/${lease}`, 'agent-1')).body).toEqual(before.body);
});

test('a body that came slowly is not acted on for an issuer that lost our trust meanwhile', async () => {
  const body = JSON.stringify({
    id: 'slow',
    purpose: 'to be there after the fact',
    agents: ['cluster/agent-1'],
    tools: [{ tool: 'crm', actions: ['read'] }],
    ttl: '5m',
  });
  const socket = connect(Number(new URL(broker.url).port), '127.0.0.1');
  await once(socket, 'connect');
  let answer = '';
  socket.setEncoding('utf8').on('data', (piece: string) => (answer += piece));
  socket.write(
    `POST /v1/tasks HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n` +
      `authorization: Bearer ${broker.workloads.token('planner')}\r\ncontent-length: ${body.length}\r\n\r\n${body.slice(0, 9)}`,
  );
  // Answered after the slow one was authenticated: both came to the same server, this one later.
  await broker.get('/v1/tasks', 'operator');
  broker.configure({ trust: [{ ...Workloads.trust('./workloads.jwks.json'), max_token_age: '12h' }] });
  expect(await broker.live.reload()).toMatchObject({ swapped: true });
  socket.write(body.slice(9));
  await once(socket, 'close');
  expect(answer).toMatch(/^HTTP\/1\.1 503 /);
  // By what holds now it may be good: whoever sends a kill is told to send it again, and not that it is nobody.
  expect(answer.toLowerCase()).toContain('retry-after: 1');
  const [, request = ''] = /^x-request-id: (\S+)/im.exec(answer) ?? [];
  expect(await broker.audit({ request })).toMatchObject([{ outcome: 'refused', reason: 'trust_changed' }]);
  expect((await broker.get('/v1/tasks/slow', 'operator')).status).toBe(404);
});
