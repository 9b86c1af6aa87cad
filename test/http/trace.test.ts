// A caller's trace goes through: into the record, with every outcome, and into no answer.
import { createServer } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { freePort } from '../../examples/demo/port.js';
import { TestBroker } from '../fixtures/broker.js';
import { Workloads } from '../fixtures/broker-workloads.js';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const headers = { traceparent: `00-${TRACE}-00f067aa0ba902b7-01`, tracestate: 'rojo=1' };

let broker: TestBroker;
beforeAll(async () => {
  broker = await TestBroker.start();
});
afterAll(() => broker.stop());

test.each([
  ['an exchange that is refused', 'POST', '/token', { form: { grant_type: 'none' } }],
  ['a listing that is permitted', 'GET', '/v1/tasks', { as: 'planner' }],
  ['an address where nothing is', 'GET', '/v1/none', {}],
] as const)('%s is on record with its trace', async (_name, method, path, asked) => {
  const reply = await broker.call(method, path, { ...asked, headers });
  const [event] = await broker.auditOf(reply);
  expect(event?.detail['trace_id']).toBe(TRACE);
  expect([reply.headers.get('traceparent'), reply.headers.get('tracestate')]).toEqual([null, null]);
});

test('what cannot be read is not on record: a new trace is', async () => {
  const traceparent = `00-${'x'.repeat(32)}-00f067aa0ba902b7-01`;
  const [event] = await broker.auditOf(await broker.call('GET', '/v1/none', { headers: { traceparent } }));
  expect(event?.detail['trace_id']).toMatch(/^[0-9a-f]{32}$/);
});

test('who names no trace has none', async () => {
  const [event] = await broker.auditOf(await broker.get('/v1/tasks', 'planner'));
  expect(event?.detail).not.toHaveProperty('trace_id');
});

test('an issuer that is asked for its keys hears of the trace, and not of the caller', async () => {
  const asked: IncomingHttpHeaders[] = [];
  const issuer = createServer(({ headers: given }, response) => {
    asked.push(given);
    response.writeHead(503).end();
  });
  const port = await freePort();
  await new Promise<void>((resolve) => void issuer.listen(port, '127.0.0.1', resolve));
  const iss = `http://127.0.0.1:${port}`;
  const trust = [
    Workloads.trust('./workloads.jwks.json'),
    {
      name: 'live',
      kind: 'oidc',
      issuer: iss,
      audience: 'mayfly',
      algorithms: ['ES256'],
      roles: { agent: { sub: 'agent-*' } },
    },
  ];
  const trusting = await TestBroker.start({ terms: { trust } });
  try {
    const bearer = trusting.workloads.sign('agent-1', { iss });
    const reply = await trusting.call('GET', '/v1/tools', { bearer, headers });
    expect(reply.status).toBe(503);
    expect(asked).toHaveLength(1);
    expect(asked[0]).toMatchObject({
      traceparent: expect.stringMatching(new RegExp(`^00-${TRACE}-[0-9a-f]{16}-01$`)),
      tracestate: 'rojo=1',
    });
    expect(asked[0]?.['traceparent']).not.toBe(headers.traceparent);
    expect(asked[0]).not.toHaveProperty('authorization');
    const { text } = await trusting.get('/metrics', 'auditor');
    expect(text).toContain('mayfly_issuer_fetches_total{trust="live",outcome="failed"} 1');
  } finally {
    await trusting.stop();
    issuer.close();
    issuer.closeAllConnections();
  }
});
