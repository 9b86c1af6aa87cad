// The headers that every answer has, whoever made it: a route, a refusal, the short way to /token, or what is no request.
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { protocolAnswer } from '../../src/http/errors.js';
import { securityHeaders } from '../../src/http/security-headers.js';
import { TestBroker } from '../fixtures/broker.js';
import { until } from '../fixtures/until.js';

let broker: TestBroker;
beforeAll(async () => {
  broker = await TestBroker.start({ terms: { http: { header_limit: '8KiB' } } });
  await broker.openTask({ id: 'run-1' });
});
afterAll(() => broker.stop());

const lines = securityHeaders(false);
const EXPECTED = new Map(
  lines.flatMap((name, at) => (at % 2 === 0 ? [[name, lines[at + 1]]] : [])) as [string, string][],
);

/** The whole answer, as it stood on the wire. */
async function raw(text: string): Promise<{ status: number; headers: Map<string, string[]> }> {
  const socket = connect({ port: Number(new URL(broker.url).port), host: '127.0.0.1', allowHalfOpen: true });
  let received = '';
  let ended = false;
  socket.setEncoding('latin1');
  socket.on('data', (piece: string) => (received += piece));
  socket
    .on('close', () => (ended = true))
    .on('end', () => (ended = true))
    .on('error', () => {});
  socket.write(text);
  await until('an answer', () => received.includes('\r\n\r\n') || ended);
  socket.destroy();
  const [head = ''] = received.split('\r\n\r\n', 1);
  const [first = '', ...rest] = head.split('\r\n');
  const headers = new Map<string, string[]>();
  for (const line of rest) {
    const [name = '', value = ''] = line.split(/:\s*(.*)/s);
    headers.set(name.toLowerCase(), [...(headers.get(name.toLowerCase()) ?? []), value]);
  }
  return { status: Number(first.split(' ')[1]), headers };
}

const head = (method: string, path: string, ...more: string[]): string =>
  [`${method} ${path} HTTP/1.1`, 'Host: x', ...more, '', ''].join('\r\n');
const form = (path: string, body: string, type = 'application/x-www-form-urlencoded'): string =>
  `${head('POST', path, `Content-Type: ${type}`, `Content-Length: ${body.length}`)}${body}`;
const exchange = (): string =>
  form(
    '/token',
    new URLSearchParams(broker.exchangeForm('agent-1', { task_id: 'run-1', audience: 'crm' })).toString(),
  );

async function control(text: string): Promise<string | undefined> {
  return (await raw(text)).headers.get('cache-control')?.[0];
}

describe('every answer', () => {
  test.each<[string, () => string, number]>([
    ['a credential', exchange, 200],
    ['a refusal at /token', () => form('/token', 'grant_type=x'), 400],
    ['a body too large at /token', () => form('/token', 'x'.repeat(70_000)), 413],
    ['another type at /token', () => form('/token', '{}', 'application/json'), 415],
    ['an absolute address of /token', () => exchange().replace('/token', 'http://x/token'), 200],
    ['another method of /token', () => head('GET', '/token'), 405],
    ['our health', () => head('GET', '/healthz'), 200],
    ['our readiness', () => head('HEAD', '/readyz'), 200],
    ['our keys', () => head('GET', '/jwks'), 200],
    ['our metadata', () => head('GET', '/.well-known/oauth-authorization-server'), 200],
    ['a route without a token', () => head('GET', '/v1/tools'), 401],
    ['a route with a bad one', () => head('GET', '/v1/tools', 'Authorization: Bearer x'), 401],
    ['nothing', () => head('GET', '/nothing'), 404],
    ['an address that cannot be decoded', () => head('GET', '/%ff'), 404],
    ['two hosts', () => head('GET', '/healthz', 'hOST: y'), 400],
    ['no host', () => 'GET /healthz HTTP/1.1\r\n\r\n', 400],
    ['HTTP/1.0, which needs none', () => 'GET /healthz HTTP/1.0\r\n\r\n', 200],
    ['no HTTP', () => 'EHLO there\r\n\r\n', 400],
    ['headers too large', () => head('GET', '/healthz', `X: ${'y'.repeat(9000)}`), 431],
    ['too many headers', () => head('GET', '/healthz', ...Array<string>(64).fill('a: b')), 431],
    ['an address too long', () => head('GET', `/healthz?${'x'.repeat(4097)}`), 414],
    ['an expectation that we do not know', () => head('GET', '/healthz', 'Expect: miracles'), 200],
    [
      'too much in the margin of a chunk',
      () => `${head('POST', '/v1/tasks', 'Transfer-Encoding: chunked')}1;${'x'.repeat(20_000)}\r\nx\r\n`,
      413,
    ],
  ])('%s', async (_what, text, status) => {
    const answer = await raw(text());
    expect(answer.status).toBe(status);
    for (const [name, value] of EXPECTED) expect([name, answer.headers.get(name)]).toEqual([name, [value]]);
    for (const [name, values] of answer.headers) expect([name, values.length]).toEqual([name, 1]);
    expect(answer.headers.get('x-request-id')?.[0]).toMatch(/^req_[0-9a-z]{22}$/);
    for (const name of ['server', 'x-powered-by', 'etag']) expect(answer.headers.has(name)).toBe(false);
    // Plain http: HSTS would mean nothing.
    expect(answer.headers.has('strict-transport-security')).toBe(false);
  });

  test('is kept by nobody, but for our keys, which verifiers may keep', async () => {
    const texts = [
      exchange(),
      form('/token', ''),
      head('GET', '/nothing'),
      head('GET', '/healthz'),
      'EHLO\r\n\r\n',
    ];
    for (const text of texts) expect(await control(text)).toBe('no-store');
    expect(await control(head('GET', '/jwks'))).toMatch(/^public, max-age=\d+$/);
  });
});

test('who asks before sending a large body is told at once, and sends none of it', async () => {
  const { status } = await raw(
    head(
      'POST',
      '/token',
      'Expect: 100-continue',
      'Content-Type: application/x-www-form-urlencoded',
      'Content-Length: 1000000000',
    ),
  );
  expect(status).toBe(413);
  const text = exchange();
  const [before = '', body = ''] = text.split('\r\n\r\n');
  const socket = connect(Number(new URL(broker.url).port), '127.0.0.1');
  let received = '';
  socket.on('data', (piece) => (received += piece.toString('latin1')));
  socket.write(`${before}\r\nExpect: 100-continue\r\n\r\n`);
  await until('it may go on', () => received.startsWith('HTTP/1.1 100 Continue\r\n\r\n'));
  socket.write(body);
  await until('it is answered', () => received.includes('HTTP/1.1 200 OK'));
  socket.destroy();
});

test('one request too many at once is told when to come again', () => {
  const { headers, body } = protocolAnswer(429, 'req_1');
  expect([headers?.['retry-after'], body]).toMatchObject(['1', { type: 'urn:mayfly:problem:rate-limited' }]);
});

test('of requests one behind the other, so many are begun, and one more ends the connection', async () => {
  const socket = connect(Number(new URL(broker.url).port), '127.0.0.1');
  let received = '';
  let closed = false;
  socket.on('data', (piece) => (received += piece.toString('latin1')));
  socket.on('close', () => (closed = true)).on('error', () => {});
  const before = broker.log.length;
  socket.write(exchange().repeat(400));
  await until('it is closed', () => closed);
  // One behind the other, in one line with the end of the body before.
  const statuses = [...received.matchAll(/HTTP\/1\.1 (\d+) /g)].map(([, status]) => status);
  // With what was not read any more, answers may be lost on their way: whoever does this is not to be pleased.
  expect(statuses.length).toBeLessThanOrEqual(17);
  expect(['200', '429']).toEqual(expect.arrayContaining([...new Set(statuses)]));
  expect((await broker.audit({})).filter(({ action }) => action === 'token.exchange').length).toBeLessThan(
    60,
  );
  expect(await broker.audit({})).toContainEqual(
    expect.objectContaining({
      action: 'request',
      detail: expect.objectContaining({ why: 'too many requests at once on one connection' }),
    }),
  );
  expect(broker.log.slice(before).filter((line) => line.includes('"level":50'))).toEqual([]);
});

test('the one too many is told when to come again, as with every 429', async () => {
  const socket = connect(Number(new URL(broker.url).port), '127.0.0.1');
  let received = '';
  let closed = false;
  socket.on('data', (piece) => (received += piece.toString('latin1')));
  socket.on('close', () => (closed = true)).on('error', () => {});
  socket.write('GET /v1/none HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(17));
  await until('it is closed', () => closed);
  const [, fields = ''] = /HTTP\/1\.1 429 ([^]*?)\r\n\r\n/.exec(received) ?? [];
  expect(fields).toMatch(/^retry-after: 1\r$/m);
  expect(received).toContain('urn:mayfly:problem:rate-limited');
});
