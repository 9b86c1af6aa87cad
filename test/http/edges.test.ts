// The edges of HTTP: callers that are slow, that hang up, that send nonsense; faults; and a shutdown under way.
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { freePort } from '../../examples/demo/port.js';
import type { Edge } from '../../src/http/call.js';
import { trustedProxies } from '../../src/http/proxies.js';
import { securityHeaders } from '../../src/http/security-headers.js';
import { listen } from '../../src/http/server.js';
import { TestBroker } from '../fixtures/broker.js';
import { BrokerClient } from '../fixtures/broker-client.js';
import { until } from '../fixtures/until.js';

/** One connection, byte by byte. */
class Wire {
  readonly socket: Socket;
  received = '';
  closed = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => (this.received += text));
    socket.on('error', () => {});
    socket.on('close', () => (this.closed = true));
  }

  static open(url: string): Promise<Wire> {
    const socket = connect({ port: Number(new URL(url).port), host: '127.0.0.1', allowHalfOpen: true });
    return new Promise((resolve, reject) => {
      socket.once('connect', () => resolve(new Wire(socket)));
      socket.once('error', reject);
    });
  }

  send(text: string): void {
    this.socket.write(text);
  }

  get statuses(): number[] {
    return [...this.received.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
  }

  answers(count: number, withinMs = 10_000): Promise<boolean> {
    return until(`${count} answers`, () => this.statuses.length >= count, { withinMs });
  }

  ended(withinMs = 10_000): Promise<boolean> {
    return until('the connection is closed', () => this.closed || this.socket.readableEnded, { withinMs });
  }
}

const HEADERS_TIMEOUT_MS = 1000;
const REQUEST_TIMEOUT_MS = 2000;
/** Time-outs are looked for once a second. */
const LOOKED_FOR_MS = 1000;
/** For a machine that is busy with other things. Without our asking for it, Node would look every 30 s. */
const MARGIN_MS = 5000;

const TERMS = {
  http: { headers_timeout: '1s', request_timeout: '2s', drain_timeout: '5s', body_limit: '4KiB' },
};

let broker: TestBroker;
const wires: Wire[] = [];
beforeAll(async () => {
  broker = await TestBroker.start({ terms: TERMS });
  await broker.openTask({ id: 'run-1' });
});
afterEach(() => {
  for (const { socket } of wires.splice(0)) socket.destroy();
});
afterAll(() => broker.stop());

async function wire(url = broker.url): Promise<Wire> {
  const opened = await Wire.open(url);
  wires.push(opened);
  return opened;
}

const exchangeText = (from: BrokerClient = broker): string =>
  new URLSearchParams(from.exchangeForm('agent-1', { task_id: 'run-1', audience: 'crm' })).toString();
const post = (path: string, body: string, length = Buffer.byteLength(body)): string =>
  `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${length}\r\n\r\n${body}`;
const get = (path: string, more = ''): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n${more}\r\n`;

describe('slow callers', () => {
  test('headers that do not end are cut off', async () => {
    const slow = await wire();
    const began = performance.now();
    slow.send('GET /healthz HTTP/1.1\r\nHost: x\r\n');
    await slow.answers(1);
    expect(slow.statuses).toEqual([408]);
    expect(slow.received).toMatch(/^x-request-id: req_[0-9a-z]{22}\r$/m);
    expect(slow.received).toContain('urn:mayfly:problem:timeout');
    await slow.ended();
    expect(performance.now() - began).toBeLessThan(HEADERS_TIMEOUT_MS + LOOKED_FOR_MS + MARGIN_MS);
  });

  test('a body that does not end is cut off, and that is on record', async () => {
    const slow = await wire();
    const began = performance.now();
    slow.send(post('/token', 'grant_type=', 2000));
    await slow.answers(1);
    expect(slow.statuses).toEqual([408]);
    await slow.ended();
    expect(performance.now() - began).toBeLessThan(REQUEST_TIMEOUT_MS + LOOKED_FOR_MS + MARGIN_MS);
    const events = await until('it is on record', async () =>
      (await broker.audit({})).find(
        ({ action, reason }) => action === 'token.exchange' && reason === 'body_not_readable',
      ),
    );
    expect(events.outcome).toBe('refused');
  });

  test('a connection that says nothing is closed', async () => {
    const silent = await wire();
    await silent.ended(HEADERS_TIMEOUT_MS + LOOKED_FOR_MS + MARGIN_MS);
  });

  test('one who hangs up in the middle of a body leaves nothing behind but the record', async () => {
    const before = (await broker.audit({}))[0]!.sequence;
    const fleeting = await wire();
    fleeting.send(post('/token', 'grant_type=', 2000));
    fleeting.socket.resetAndDestroy();
    await until('it is on record', async () =>
      (await broker.audit({ after: String(before) })).some(({ reason }) => reason === 'body_not_readable'),
    );
  });
});

describe('odd callers', () => {
  test('requests sent one behind the other are answered in their order', async () => {
    const piped = await wire();
    const exchange = post('/token', exchangeText());
    piped.send(`${exchange}${get('/healthz')}${exchange}${get('/none')}${get('/readyz')}`);
    await piped.answers(5);
    expect(piped.statuses).toEqual([200, 200, 200, 404, 200]);
    const order = [...piped.received.matchAll(/"lease_id"|"alive"|not-found|"ready"/g)].map(([text]) => text);
    expect(order).toEqual(['"lease_id"', '"alive"', '"lease_id"', 'not-found', '"ready"']);
  });

  test('a caller that has closed its own side still gets its answer', async () => {
    const half = await wire();
    half.socket.end(post('/token', exchangeText()));
    await half.answers(1);
    expect(half.statuses).toEqual([200]);
    expect(half.received).toContain('access_token');
  });

  test('a body in many small pieces is one body', async () => {
    const dribbling = await wire();
    for (const piece of post('/token', exchangeText()).match(/[^]{1,100}/g)!) {
      dribbling.send(piece);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await dribbling.answers(1);
    expect(dribbling.statuses).toEqual([200]);
  });

  test('an absolute address is the same address (RFC 9112 §3.2.2)', async () => {
    const absolute = await wire();
    absolute.send(post(`${broker.url}/token`, exchangeText()));
    await absolute.answers(1);
    expect(absolute.statuses).toEqual([200]);
  });

  test.each(['/\\#@!', '/\\', '/#', '/\\\\x#y', '/v1/tasks#a', '*'])(
    'an address that is hard to take apart is answered as any other: %s',
    async (path) => {
      const odd = await wire();
      odd.send(get(path, 'Connection: close\r\n'));
      await odd.ended();
      expect(odd.received).toMatch(/^HTTP\/1\.1 40[0-4] /);
      expect(odd.received).toContain('application/problem+json');
      const request = /x-request-id: (\S+)/i.exec(odd.received)![1]!;
      expect(await broker.audit({ request })).toMatchObject([{ outcome: 'refused' }]);
    },
  );

  test.each([
    ['no HTTP at all', 'EHLO there\r\n\r\n', 400],
    ['two lengths', 'POST /token HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n', 400],
    [
      'a length and chunks, as smugglers send them',
      'POST /token HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
    ],
    ['headers without end', `GET / HTTP/1.1\r\nHost: x\r\n${'X: y\r\n'.repeat(10_000)}\r\n`, 431],
  ])('%s is refused with a request id, and closed', async (_what, text, status) => {
    const odd = await wire();
    odd.send(text);
    await odd.answers(1);
    expect(odd.statuses).toEqual([status]);
    const id = /^x-request-id: (req_[0-9a-z]{22})\r$/m.exec(odd.received)?.[1];
    await odd.ended();
    expect(await broker.audit({ request: id! })).toMatchObject([{ action: 'request', outcome: 'refused' }]);
  });

  test.each([
    ['comes', 'EHLO there\r\n\r\n', 400],
    ['does not end', 'GET /healthz HTTP/1.1\r\n', 408],
    ['is a body that is cut off', post('/token', 'grant_type=', 2000), 408],
  ])('what was asked before something odd that %s is answered before it', async (_what, text, status) => {
    const odd = await wire();
    odd.send(`${post('/token', exchangeText())}${text}`);
    await odd.answers(2);
    expect(odd.statuses).toEqual([200, status]);
    expect(odd.received).toContain('access_token');
    await odd.ended();
  });

  test('who still sends a large body gets the answer all the same', async () => {
    for (const path of ['/token', '/v1/tasks', '/none']) {
      const large = await wire();
      const megabytes = 'x'.repeat(900_000);
      large.send(post(path, megabytes));
      await large.answers(1);
      expect(large.statuses).toEqual([path === '/token' ? 413 : path === '/none' ? 404 : 401]);
      expect(large.received).toMatch(/^connection: close\r$/im);
      await large.ended();
    }
  });

  test('a body of no known length is cut off at the limit', async () => {
    const chunked = await wire();
    const header =
      'Host: x\r\nContent-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n';
    chunked.send(`POST /token HTTP/1.1\r\n${header}\r\n${`400\r\n${'x'.repeat(1024)}\r\n`.repeat(6)}`);
    await chunked.answers(1);
    expect(chunked.statuses).toEqual([413]);
    await chunked.ended();
  });
});

describe('a fault of ours', () => {
  test.each([
    ['/token', 'oauth'],
    ['/v1/tools', 'problem'],
    ['/introspect', 'oauth'],
  ])('at %s tells nobody what it was, and is on record once', async (path, dialect) => {
    const recorded: unknown[] = [];
    const logged: object[] = [];
    const fault = new Error('secret insides at /src/x.ts:1');
    const log = (facts: object): void => void logged.push(facts);
    const edge = {
      broker: {
        store: {
          record: (_entry: unknown, conclusion: unknown) => Promise.resolve(void recorded.push(conclusion)),
        },
        limits: { refusesAddress: () => undefined },
      },
      authenticate: () => Promise.reject(fault),
      log: { trace: log, debug: log, info: log, warn: log, error: log },
      bodyLimitBytes: 4096,
      metrics: { count: () => {}, observe: () => {}, read: () => {} },
      proxies: trustedProxies([]),
      securityHeaders: securityHeaders(false),
      draining: () => false,
    } as unknown as Edge;
    const port = await freePort();
    const { live } = broker;
    const server = await listen(edge, { ...live.fixed.http, host: '127.0.0.1', port });
    try {
      const faulty = new BrokerClient(`http://127.0.0.1:${port}`, broker.workloads);
      const form = faulty.exchangeForm('agent-1', {});
      const reply = await faulty.call(path === '/v1/tools' ? 'GET' : 'POST', path, {
        as: 'agent-1',
        ...(path !== '/v1/tools' && { form }),
      });
      expect([reply.status, reply.text.includes('insides')]).toEqual([500, false]);
      if (dialect === 'oauth') expect(reply.body['error']).toBe('server_error');
      else expect(reply.body.type).toBe('urn:mayfly:problem:fault');
      expect(recorded).toEqual([{ outcome: 'failed' }]);
      expect(logged).toMatchObject([{ err: fault, request_id: reply.headers.get('x-request-id') }]);
    } finally {
      await server.drain();
    }
  });
});

describe('a shutdown', () => {
  test('answers what is in flight, begins nothing new, says that it is not ready, and lets nobody else in', async () => {
    const leaving = await TestBroker.start({ terms: TERMS });
    await leaving.openTask({ id: 'run-1' });
    const text = post('/token', exchangeText(leaving));
    const [inFlight, late, probe] = [
      await wire(leaving.url),
      await wire(leaving.url),
      await wire(leaving.url),
    ];
    // Half a request each. The first one is with the broker already: only the end of its body is missing.
    inFlight.send(text.slice(0, -10));
    late.send(text.slice(0, 20));
    probe.send('GET /readyz HTTP/1.1\r\n');
    await until('the first one arrived', async () => (await fetch(`${leaving.url}/healthz`)).ok);

    const stopped = leaving.halt();
    await until('the door is shut', () =>
      Wire.open(leaving.url).then(
        (opened) => void opened.socket.destroy(),
        () => true,
      ),
    );
    probe.send('Host: x\r\n\r\n');
    await probe.answers(1);
    expect(probe.received).toContain('shutting down');
    late.send(text.slice(20));
    await late.answers(1);
    inFlight.send(text.slice(-10));
    await inFlight.answers(1);
    expect([probe.statuses, late.statuses, inFlight.statuses]).toEqual([[503], [503], [200]]);
    expect(late.received).toContain('temporarily_unavailable');
    expect(late.received).toMatch(/^retry-after: 1\r$/im);
    expect(inFlight.received).toContain('access_token');
    for (const one of [inFlight, late, probe]) await one.ended();
    await stopped;
    await leaving.stop();
  });

  test('waits for nobody who has asked for nothing', async () => {
    const leaving = await TestBroker.start({
      terms: {
        http: { ...TERMS.http, headers_timeout: '60s', request_timeout: '60s', drain_timeout: '60s' },
      },
    });
    const [silent, half, idle] = [await wire(leaving.url), await wire(leaving.url), await wire(leaving.url)];
    half.send('GET /healthz HTTP/1.1\r\n');
    idle.send(get('/healthz'));
    await idle.answers(1);
    const began = performance.now();
    await leaving.halt();
    expect(performance.now() - began).toBeLessThan(2000 + MARGIN_MS);
    for (const one of [silent, half, idle]) await one.ended();
    await leaving.stop();
  });

  test('waits no longer for a caller than it was told to', async () => {
    const leaving = await TestBroker.start({
      terms: { http: { ...TERMS.http, request_timeout: '60s', drain_timeout: '1s' } },
    });
    const stuck = await wire(leaving.url);
    stuck.send(post('/token', 'grant_type=', 2000));
    await until('it arrived', async () => (await fetch(`${leaving.url}/healthz`)).ok);
    const began = performance.now();
    await leaving.halt();
    expect(performance.now() - began).toBeLessThan(1000 + MARGIN_MS);
    await stuck.ended();
    await leaving.stop();
  });
});
