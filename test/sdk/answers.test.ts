// What answers may be anything: the client waits within bounds, repeats only what is safe, and gives its token to nobody else.
import { afterEach, describe, expect, test } from '@jest/globals';
import { type ClientOptions, MayflyClient, MayflyError } from '../../src/sdk/client/index.js';
import {
  type InPlaceOfBroker,
  type Respond,
  answering,
  inPlaceOfBroker,
} from '../fixtures/in-place-of-broker.js';

const TOKEN = 'header.payload.signature';
const BUSY = answering(503, { title: 'Not now.' }, { 'retry-after': '0' });
const LIMITED = answering(429, { title: 'Too many.' }, { 'retry-after': '0' });
const OK = answering(200, { id: 'run-1', tasks: [], access_token: 'x' });

let server: InPlaceOfBroker | undefined;
afterEach(() => {
  server?.close();
  server = undefined;
});

async function client(
  respond: readonly Respond[],
  options: Partial<ClientOptions> = {},
): Promise<MayflyClient> {
  server = await inPlaceOfBroker(...respond);
  return new MayflyClient({ url: server.url, token: TOKEN, ...options });
}

const failure = (call: Promise<unknown>): Promise<MayflyError> =>
  call.then(
    () => {
      throw new Error('it did not fail');
    },
    (error: unknown) => error as MayflyError,
  );

const TASK = { purpose: 'p', agents: ['a/*'], tools: [{ tool: 'crm', actions: ['read'] }], ttl: 60 };
const select = { agent: 'cluster/agent-1' };

describe('where a broker was too busy and says when to come again', () => {
  test.each<[string, (c: MayflyClient) => Promise<unknown>]>([
    ['a reading', (c) => c.listTasks()],
    ['the opening of a task with an id', (c) => c.openTask({ id: 'run-1', ...TASK })],
    ['the end of a task', (c) => c.completeTask('run-1')],
    ['a deadline', (c) => c.extendTask('run-1', { deadline: '2030-01-01T00:00:00Z' })],
    ['a signal', (c) => c.signalTask('run-1', { type: 'anomaly' })],
    ['a report', (c) => c.reportToolCalls({ batch: 'b', calls: [] })],
    ['a release', (c) => c.releaseLease('lease_x')],
    ['a kill', (c) => c.revoke({ select, reason: 'r' })],
    ['a preview', (c) => c.previewRevocation(select)],
    ['introspection', (c) => c.introspect('x')],
    ['RFC 7009', (c) => c.revokeToken('x')],
    ['a recovery that goes on', (c) => c.recover({ reason: 'r', cutoff: '2026-01-01T00:00:00Z' })],
  ])('%s is asked again', async (_name, call) => {
    const c = await client([BUSY, OK]);
    await call(c);
    expect(server!.seen).toHaveLength(2);
    expect(server!.seen[1]).toEqual({ ...server!.seen[0], headers: expect.anything() });
  });

  test.each<[string, (c: MayflyClient) => Promise<unknown>]>([
    ['an exchange', (c) => c.exchange({ task_id: 'run-1', audience: 'crm' })],
    ['a renewal', (c) => c.renewLease('lease_x')],
    ['the opening of a task without an id', (c) => c.openTask(TASK)],
    ['more time from now', (c) => c.extendTask('run-1', { ttl: '5m' })],
    ['a recovery', (c) => c.recover({ reason: 'r' })],
  ])('%s is not: it may have been done', async (_name, call) => {
    const c = await client([BUSY, OK]);
    expect(await failure(call(c))).toMatchObject({ code: 'ERR_UNAVAILABLE', retryAfterMs: 0 });
    expect(server!.seen).toHaveLength(1);
  });

  test('an exchange that a limit refused is asked for again: nothing was done', async () => {
    const c = await client([LIMITED, OK]);
    await c.exchange({ task_id: 'run-1', audience: 'crm' });
    expect(server!.seen).toHaveLength(2);
  });

  test('each time with the token of that moment: the one before it may have been good once only', async () => {
    let asked = 0;
    const c = await client([LIMITED, OK], { token: () => `token-${++asked}` });
    await c.exchange({ task_id: 'run-1', audience: 'crm' });
    const shown = server!.seen.map(({ body }) => new URLSearchParams(body).get('subject_token'));
    expect(shown).toEqual(['token-1', 'token-2']);
  });

  test('it is asked again twice and no more, and not at all when told so', async () => {
    const c = await client([LIMITED]);
    expect(await failure(c.listTasks())).toMatchObject({ code: 'ERR_LIMITED', status: 429 });
    expect(server!.seen).toHaveLength(3);
    server!.close();
    const once = await client([BUSY, OK], { retries: 0 });
    expect(await failure(once.listTasks())).toMatchObject({ code: 'ERR_UNAVAILABLE' });
    expect(server!.seen).toHaveLength(1);
  });

  test.each([
    ['for longer than the client waits', { 'retry-after': '60' }, 60_000],
    [
      'by a date that is far off',
      { 'retry-after': new Date(Date.now() + 3_600_000).toUTCString() },
      3_600_000,
    ],
    ['in no way that means anything', { 'retry-after': 'soon' }, undefined],
    ['not at all', {}, undefined],
  ])('but not where it says when %s', async (_name, headers, retryAfterMs) => {
    const c = await client([answering(503, {}, headers), OK]);
    const error = await failure(c.listTasks());
    expect(error.code).toBe('ERR_UNAVAILABLE');
    if (retryAfterMs === undefined) expect(error.retryAfterMs).toBeUndefined();
    else expect(Math.abs(error.retryAfterMs! - retryAfterMs)).toBeLessThan(10_000);
    expect(server!.seen).toHaveLength(1);
  });

  test('a caller who gave up is not kept waiting', async () => {
    const c = await client([answering(503, {}, { 'retry-after': '4' })]);
    const gaveUp = new AbortController();
    const call = failure(c.listTasks({}, { signal: gaveUp.signal }));
    const given = new Error('enough');
    setTimeout(() => gaveUp.abort(given), 50);
    expect(await call).toBe(given);
    expect(server!.seen).toHaveLength(1);
  });
});

describe('what is no broker', () => {
  test.each([
    ['a page', answering(200, '<html>'), 'ERR_NOT_A_BROKER'],
    ['a redirect', answering(307, '', { location: '/elsewhere' }), 'ERR_NOT_A_BROKER'],
    ["a proxy's error", answering(502, '<html>'), 'ERR_FAULT'],
    ['JSON that says nothing', answering(404, 'null'), 'ERR_NOT_FOUND'],
    [
      'JSON that says something else',
      answering(400, { title: 7, error: [], flaws: [1, { at: 2 }] }),
      'ERR_REFUSED',
    ],
  ])('%s is told from one', async (_name, respond, code) => {
    const error = await failure((await client([respond])).listTasks());
    expect([error.code, error.requestId, error.flaws]).toEqual([code, undefined, undefined]);
    expect(server!.seen).toHaveLength(1);
  });

  test('or is not there', async () => {
    const c = await client([OK]);
    server!.close();
    expect(await failure(c.listTasks())).toMatchObject({
      code: 'ERR_UNREACHABLE',
      message: expect.stringContaining('nothing listens there'),
    });
  });
});

test('an answer that does not come is waited for so long and no longer', async () => {
  const c = await client([() => {}], { timeoutMs: 60 });
  const error = await failure(c.exchange({ task_id: 'run-1', audience: 'crm' }));
  expect(error).toMatchObject({ code: 'ERR_TIMEOUT', message: expect.stringContaining('0.06 s') });
  // Nor is one that begins and does not end.
  server!.close();
  const slow = await client([(response) => void response.writeHead(200).write('{')], { timeoutMs: 60 });
  expect(await failure(slow.listTasks())).toMatchObject({ code: 'ERR_TIMEOUT' });
  expect(server!.seen).toHaveLength(1);
});

test('the reason of the caller who gives up is what is thrown', async () => {
  const c = await client([() => {}]);
  const signal = AbortSignal.timeout(30);
  expect(await failure(c.listTasks({}, { signal }))).toMatchObject({ name: 'TimeoutError' });
  expect(await failure(c.listTasks({}, { signal: AbortSignal.abort('no') }))).toBe('no');
});

test('a trace goes along, and nothing that is none', async () => {
  const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  const c = await client([OK], { traceparent: () => trace });
  await c.listTasks();
  const other = trace.replace('01', '00');
  await c.listTasks({}, { traceparent: other });
  expect(server!.seen.map(({ headers }) => headers['traceparent'])).toEqual([trace, other]);
  expect(await failure(c.listTasks({}, { traceparent: 'x\r\ny' }))).toMatchObject({ code: 'ERR_USAGE' });
});

describe('the token', () => {
  test.each(['', ' \n', 'two\nlines', 'nul\u0000', 'Bearer x', 'ünicode'])(
    '%j is never sent nor shown',
    async (token) => {
      const c = await client([OK], { token });
      const error = await failure(c.listTasks());
      expect(error).toMatchObject({ code: 'ERR_TOKEN_SOURCE' });
      if (token.trim() !== '') expect(error.message).not.toContain(token);
      expect(server!.seen).toEqual([]);
    },
  );

  test('of an exchange goes into the form and into no header', async () => {
    await (await client([OK])).exchange({ task_id: 'run-1', audience: 'crm' });
    expect(server!.seen[0]!.headers.authorization).toBeUndefined();
    expect(new URLSearchParams(server!.seen[0]!.body).get('subject_token')).toBe(TOKEN);
  });

  test.each([
    'http://broker.example',
    'ftp://127.0.0.1',
    '127.0.0.1',
    'https://user@broker.example',
    'https://a/?b',
  ])('is not sent to %s', (url) => {
    expect(() => new MayflyClient({ url })).toThrow(MayflyError);
  });
});

test.each(['', '.', '..'])('%j is no name of anything: it would lead to another address', async (name) => {
  const c = await client([OK]);
  expect(await failure(c.readTask(name))).toMatchObject({ code: 'ERR_USAGE' });
  expect(server!.seen).toEqual([]);
});

test('a name with slashes is one segment', async () => {
  await (await client([OK])).liftQuarantine('spiffe://a.example/b c');
  expect(server!.seen[0]!.url).toBe('/v1/quarantines/spiffe%3A%2F%2Fa.example%2Fb%20c');
});
