// Who gets in when there is no more room, whose connection is closed for it, and callers that do not read.
import { createServer, request } from 'node:http';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Socket as PlainSocket, connect } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { freePort } from '../../examples/demo/port.js';
import type { Cut } from '../../src/http/connections.js';
import { Connections } from '../../src/http/connections.js';
import { TestBroker } from '../fixtures/broker.js';
import type { Terms } from '../fixtures/broker-configuration.js';
import { until } from '../fixtures/until.js';

let broker: TestBroker;
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await broker.stop();
});

async function start(http: Terms, more: Terms = {}): Promise<void> {
  broker = await TestBroker.start({ terms: { http, ...more } });
  await broker.openTask({ id: 'run-1' });
}

const port = (): number => Number(new URL(broker.url).port);

/** An open connection from that address of this machine, which has said that much. */
async function open(localAddress: string, text = ''): Promise<Socket> {
  const socket = connect({ port: port(), host: '127.0.0.1', localAddress });
  sockets.push(socket);
  socket.on('error', () => {});
  socket.resume();
  await new Promise((resolve) => socket.once('connect', resolve).once('close', resolve));
  if (text !== '') await new Promise((resolve) => socket.write(text, resolve));
  return socket;
}

const openMany = (count: number, addressOf: (index: number) => string, text?: string): Promise<Socket[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => open(addressOf(index), text)));

const alive = (of: readonly Socket[]): number =>
  of.filter(({ destroyed, readableEnded }) => !destroyed && !readableEnded).length;

/** A call on a connection of its own. */
function ask(
  localAddress: string,
  method: string,
  path: string,
  body = '',
  headers = {},
  url = broker.url,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const options = {
      localAddress,
      agent: false,
      method,
      headers: { ...headers, 'content-length': body.length },
    };
    const sent = request(`${url}${path}`, options, (response) => {
      response.resume().once('end', () => resolve(response.statusCode ?? 0));
    });
    sent.once('error', reject).end(body);
  });
}

const form = { 'content-type': 'application/x-www-form-urlencoded' };
const exchange = (): string =>
  new URLSearchParams(broker.exchangeForm('agent-1', { task_id: 'run-1', audience: 'crm' })).toString();
const kill = (from: string): Promise<number> =>
  ask(from, 'POST', '/v1/revocations', JSON.stringify({ select: { task: 'run-1' }, reason: 'now' }), {
    'content-type': 'application/json',
    authorization: `Bearer ${broker.workloads.token('operator')}`,
  });
const slowBody =
  'POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 2000\r\n\r\ngrant';
const MOST = 40;

describe('where every place is taken', () => {
  test.each([
    ['by connections that say nothing', ''],
    ['by headers without end', 'GET /healthz HTTP/1.1\r\nHost: x\r\nX: '],
    ['by connections that were answered once, and wait', 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['by bodies without end', slowBody],
  ])('%s, an honest caller and an operator get in', async (_what, text) => {
    await start({ max_connections: MOST });
    const taken = await openMany(MOST + 60, (index) => `127.9.${index % 50}.1`, text);
    await until('the first of them gave way', () => alive(taken) <= MOST + 32);
    // A body counts as slow only after a while: whoever sends one at once is not cut off.
    const given = await until(
      'both are answered',
      async () => {
        const statuses = await Promise.all([
          ask('127.0.0.1', 'POST', '/token', exchange(), form).catch(() => 0),
          kill('127.0.0.2').catch(() => 0),
        ]);
        return statuses.includes(0) ? undefined : statuses;
      },
      { everyMs: 100 },
    );
    expect(given[1]).toBe(202);
    expect([200, 400]).toContain(given[0]);
  });

  test('strangers go first, the oldest of them before the others; a caller that was let in before stays', async () => {
    // The one beyond is that by which the task was opened.
    await start({ max_connections: MOST + 1 });
    const known = await open('127.0.0.1');
    let answers = 0;
    known.on('data', (chunk) => (answers += chunk.toString().split('HTTP/1.1 200').length - 1));
    const text = exchange();
    const whole = `POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: ${form['content-type']}\r\nContent-Length: ${text.length}\r\n\r\n${text}`;
    known.write(whole);
    await until('it is known', () => answers === 1);
    const early = await openMany(20, () => '127.9.0.1');
    const late = await openMany(19, () => '127.9.0.2');
    await openMany(20, (index) => `127.9.1.${index + 1}`);
    await until('twenty gave way', () => alive(early) === 0);
    expect([alive(late), alive([known])]).toEqual([19, 1]);
    known.write(whole);
    await until('it is answered again', () => answers === 2);
  });

  test('none that waits for us gives way, neither to others nor to one more of its own address', async () => {
    await start({});
    const cuts: Cut[] = [];
    const connections = new Connections({
      maxConnections: 3,
      maxConnectionsPerAddress: 3,
      answerTimeoutMs: 1000,
      isExempt: () => false,
      cut: (why) => void cuts.push(why),
    });
    const waiting: ServerResponse[] = [];
    const server = createServer((asked, response) => {
      connections.asked(asked, response);
      waiting.push(response);
    });
    server.prependListener('connection', (socket: Socket) => void connections.admit(socket));
    const at = await freePort();
    await new Promise<void>((resolve) => server.listen(at, '127.0.0.1', resolve));
    const get = (localAddress: string): Promise<number> =>
      ask(localAddress, 'GET', '/', '', {}, `http://127.0.0.1:${at}`).catch(() => 0);
    try {
      const inside: Promise<number>[] = [];
      const comeIn = async (localAddress: string): Promise<void> => {
        inside.push(get(localAddress));
        await until('it waits', () => waiting.length === inside.length);
      };
      for (let index = 0; index < 3; index++) await comeIn('127.9.0.1');
      expect(await get('127.9.0.1')).toBe(0);
      expect(cuts).toEqual(['address_full']);
      // Of those that hold none, a few get in all the same.
      for (let index = 1; index <= 32; index++) await comeIn(`127.8.0.${index}`);
      expect(await get('127.8.1.1')).toBe(0);
      expect(cuts).toEqual(['address_full', 'full']);
      for (const response of waiting) response.end();
      expect(new Set(await Promise.all(inside))).toEqual(new Set([200]));
    } finally {
      server.close();
      server.closeAllConnections();
    }
  });
});

describe('the account of connections', () => {
  const terms = { maxConnectionsPerAddress: 100, answerTimeoutMs: 1000, isExempt: () => false };

  test('is right also of two that have one end in common, and each leaves once', async () => {
    await start({});
    const cuts: Cut[] = [];
    const connections = new Connections({ ...terms, maxConnections: 4, cut: (why) => void cuts.push(why) });
    const server = createServer();
    const came: Socket[] = [];
    server.prependListener('connection', (socket: Socket) => {
      if (connections.admit(socket)) came.push(socket);
    });
    const at = await freePort();
    await new Promise<void>((resolve) => server.listen(at, '0.0.0.0', resolve));
    const comeTo = (host: string, localPort = 0): Promise<void> => {
      const socket = connect({ port: at, host, localAddress: '127.0.0.1', localPort });
      sockets.push(socket.on('error', () => {}));
      return new Promise((resolve) => socket.once('connect', resolve));
    };
    try {
      const localPort = await freePort();
      await comeTo('127.0.0.1', localPort);
      await comeTo('127.0.0.2', localPort);
      await until('both are held', () => came.length === 2);
      expect(connections.size).toBe(2);
      for (const socket of came) socket.destroy();
      await until('both have left', () => connections.size === 0);
      for (let index = 0; index < 8; index++) await comeTo('127.0.0.1');
      await until('all have come', () => came.length === 10);
      expect([connections.size, cuts]).toEqual([4, Array(4).fill('evicted')]);
    } finally {
      server.close();
      server.closeAllConnections();
    }
  });

  test('has nobody who hung up before being looked at', async () => {
    await start({});
    const connections = new Connections({ ...terms, maxConnections: 4, cut: () => {} });
    const gone = [new PlainSocket(), new PlainSocket()];
    expect(gone.map((socket) => connections.admit(socket))).toEqual([false, false]);
    expect(gone.map(({ destroyed }) => destroyed)).toEqual([true, true]);
    expect(connections.size).toBe(0);
  });
});

describe('one address', () => {
  test('may hold so many connections; for one more it gives up one itself, and others notice nothing', async () => {
    await start({ max_connections: 1000, max_connections_per_address: 10 });
    const others = await openMany(30, (index) => `127.8.0.${index + 1}`);
    const taken = await openMany(100, () => '127.9.0.1');
    await until('it holds ten', () => alive(taken) === 10);
    expect([alive(taken.slice(-10)), alive(others)]).toEqual([10, 30]);
    expect(await ask('127.9.0.1', 'GET', '/healthz')).toBe(200);
    expect(await kill('127.9.0.1')).toBe(202);
  });

  test('of a proxy may hold any number: there are many callers in it', async () => {
    await start(
      { max_connections: 1000, max_connections_per_address: 10 },
      { trusted_proxies: ['127.9.0.1'] },
    );
    const taken = await openMany(100, () => '127.9.0.1');
    expect(await ask('127.0.0.1', 'GET', '/healthz')).toBe(200);
    expect(alive(taken)).toBe(100);
  });
});

describe('a caller that does not read its answers', () => {
  test('is cut off, and is the only one', async () => {
    await start({ answer_timeout: '1s', max_connections: 100 });
    for (let index = 0; index < 60; index++)
      await broker.exchange(`agent-${index}`, { task_id: 'run-1', audience: 'crm' });
    const greedy = await open('127.9.0.1');
    greedy.pause();
    let closed = false;
    greedy.once('close', () => (closed = true));
    const page = `GET /v1/audit?limit=200 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${broker.workloads.token('auditor')}\r\n\r\n`;
    // More than the system takes in for somebody who does not read.
    const asking = setInterval(() => greedy.writable && greedy.write(page.repeat(8)), 10);
    try {
      await until('it is cut off', async () => closed || (await unreadCut()), {
        withinMs: 30_000,
        everyMs: 200,
      });
    } finally {
      clearInterval(asking);
    }
    expect((await broker.get('/v1/tools', 'agent-1')).status).toBe(200);
  });
});

async function unreadCut(): Promise<boolean> {
  const reply = await broker.get('/metrics', 'operator');
  return /connections_refused_total\{reason="unread"\} [1-9]/.test(reply.text);
}
