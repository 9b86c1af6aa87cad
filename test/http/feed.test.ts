// The feed over the wire: who may read it, what ends a stream, who is cut off, and what operators see of it.
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { readFileSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:http';
import type { JSONWebKeySet } from 'jose';
import type { VerifierList } from '../../src/wire/feed.js';
import { TestBroker } from '../fixtures/broker.js';
import { eventsIn, FeedLog } from '../fixtures/feed-log.js';
import { until } from '../fixtures/until.js';

const TERMS = { feed: { heartbeat: '100ms' } };
let broker: TestBroker;
beforeAll(async () => {
  broker = await TestBroker.start({ terms: TERMS });
});
afterAll(() => broker.stop());

/** A stream over a socket of its own. */
class Stream {
  static readonly open: Stream[] = [];
  readonly response: IncomingMessage;
  readonly log: FeedLog;
  closed = false;
  #text = '';
  #read: Promise<unknown> = Promise.resolve();
  fault: Error | undefined;

  private constructor(response: IncomingMessage, jwks: JSONWebKeySet) {
    this.response = response;
    this.log = new FeedLog(jwks);
    Stream.open.push(this);
    response.setEncoding('utf8');
    response.on('close', () => (this.closed = true));
    response.on('error', () => {});
  }

  static async of(at: TestBroker, as = 'crm-api', headers: Record<string, string> = {}): Promise<Stream> {
    const jwks = (await at.call<JSONWebKeySet>('GET', '/jwks/feed')).body;
    const authorization = `Bearer ${at.workloads.token(as)}`;
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const sent = request(`${at.url}/v1/revocations/stream`, { headers: { authorization, ...headers } });
      sent.once('response', resolve).once('error', reject).end();
    });
    return new Stream(response, jwks);
  }

  read(): this {
    this.response.on('data', (piece: string) => {
      this.#text += piece;
      const whole = this.#text.lastIndexOf('\n\n') + 2;
      if (whole < 2) return;
      const events = eventsIn(this.#text.slice(0, whole));
      this.#text = this.#text.slice(whole);
      this.#read = this.#read
        .then(() => this.log.read(events))
        .catch((error: unknown) => (this.fault = error as Error));
    });
    return this;
  }

  /** Resolves when something was proved that was committed before. */
  async proven(): Promise<FeedLog> {
    const now = Date.now();
    await until('a heartbeat', () => (this.log.last?.as_of ?? 0) > now);
    if (this.fault !== undefined) throw this.fault;
    return this.log;
  }

  get id(): string {
    return String(this.response.headers['mayfly-stream']);
  }
}
afterEach(() => {
  for (const stream of Stream.open.splice(0)) stream.response.destroy();
});

test('a kill is there before its next heartbeat, by a message that a stranger can prove', async () => {
  const stream = (await Stream.of(broker)).read();
  expect(stream.response.headers).toMatchObject({
    'content-type': 'text/event-stream',
    'cache-control': 'no-store, no-transform',
  });
  await broker.openTask({ id: 'run-1' });
  await broker.complete('run-1');
  await until('it is told', () => stream.log.has(broker.url, 'task:run-1'));
  const log = await stream.proven();
  expect(log.last).toMatchObject({ iss: broker.url, kind: 'heartbeat' });
});

test('a question for its head alone opens no stream', async () => {
  const { status, text } = await broker.call('HEAD', '/v1/revocations/stream', { as: 'crm-api' });
  expect([status, text]).toEqual([200, '']);
  await until('nobody reads', async () => {
    const { body } = await broker.get<VerifierList>('/v1/verifiers', 'operator');
    return body.connected === 0;
  });
});

test('no key that signs the feed stands among those of credentials', async () => {
  const kids = async (path: string) =>
    (await broker.call<JSONWebKeySet>('GET', path)).body.keys.map(({ kid }) => kid);
  const [feed, credentials] = [await kids('/jwks/feed'), await kids('/jwks')];
  expect([feed.length, feed.filter((kid) => credentials.includes(kid))]).toEqual([1, []]);
  const { body } = await broker.get<{ parts: string[] }>('/v1/revocations', 'crm-api');
  expect(await broker.introspect(body.parts[0]!)).toEqual({ active: false });
});

test('a killed key of the feed signs nothing more, and its successor goes on', async () => {
  const own = await TestBroker.start({ terms: TERMS });
  try {
    const [killed] = (await own.call<JSONWebKeySet>('GET', '/jwks/feed')).body.keys;
    expect((await own.kill({ key: killed!.kid! })).status).toBe(202);
    await until('another one is published', async () => {
      const { keys } = (await own.call<JSONWebKeySet>('GET', '/jwks/feed')).body;
      return keys.length === 1 && keys[0]!.kid !== killed!.kid;
    });
    await (await Stream.of(own)).read().proven();
  } finally {
    await own.stop();
  }
});

describe('a stream ends', () => {
  test.each([
    ['with the token that it was opened by', 'token_expired'],
    ['when the trust changes, since its reader may not be one any more', 'trust_changed'],
    ['when the broker goes down', 'shutting_down'],
  ])('%s', async (_name, reason) => {
    const own = await TestBroker.start({ terms: TERMS });
    try {
      const life = reason === 'token_expired' ? 2 : 300;
      const bearer = own.workloads.sign('crm-api', { exp: Math.floor(Date.now() / 1000) + life });
      const stream = (await Stream.of(own, 'crm-api', { authorization: `Bearer ${bearer}` })).read();
      await stream.proven();
      if (reason === 'shutting_down') await own.halt();
      if (reason === 'trust_changed') await reloadedWithOtherTrust(own);
      await until('it is closed', () => stream.closed);
      await until('the reason is read', () => stream.log.ended !== undefined);
      expect(stream.log.ended).toBe(reason);
    } finally {
      await own.stop();
    }
  });
});

async function reloadedWithOtherTrust(own: TestBroker): Promise<void> {
  const file = `${own.folder}/mayfly.yaml`;
  writeFileSync(file, readFileSync(file, 'utf8').replace('planner', 'planner-of-old'));
  await own.live.reload();
}

test('streams are limited, of one principal and of all, and a place is free when its reader leaves', async () => {
  const own = await TestBroker.start({
    terms: { ...TERMS, limits: { streams: 3, streams_per_principal: 2 } },
  });
  try {
    const held = [await Stream.of(own), await Stream.of(own)];
    const third = await Stream.of(own);
    expect([third.response.statusCode, third.response.headers['retry-after']]).toEqual([429, '5']);
    await Stream.of(own, 'gateway');
    expect((await Stream.of(own, 'operator')).response.statusCode).toBe(429);
    held[0]!.response.destroy();
    await until('there is a place', async () => {
      const stream = await Stream.of(own);
      return stream.response.statusCode === 200;
    });
  } finally {
    await own.stop();
  }
});

test('operators see who has applied a kill', async () => {
  const stream = (await Stream.of(broker)).read();
  const { body: killed } = await broker.kill({ tool: 'mail' });
  const since = String((killed as { at?: string }).at);
  const list = async () => (await broker.get<VerifierList>(`/v1/verifiers?since=${since}`, 'operator')).body;
  const { last } = await stream.proven();
  expect(await list()).toMatchObject({ connected: 1, applied: 0 });
  const said = { stream: stream.id, epoch: last!.epoch, as_of: last!.as_of };
  const { status, body } = await broker.post<{ now: number }>(
    '/v1/revocations/acknowledgements',
    'crm-api',
    said,
  );
  expect([status, body.now]).toEqual([200, expect.any(Number)]);
  expect(await list()).toEqual({
    connected: 1,
    applied: 1,
    verifiers: [
      { principal: 'cluster/crm-api', connected: 1, applied: 1, oldest: new Date(last!.as_of).toISOString() },
    ],
  });
});

test('that a stream was opened is on record, and each acknowledgement is not', async () => {
  const stream = await Stream.of(broker);
  const id = String(stream.response.headers['x-request-id']);
  await broker.post('/v1/revocations/acknowledgements', 'crm-api', {
    stream: stream.id,
    epoch: 'e',
    as_of: 1,
  });
  await until('it is on record', async () => (await broker.audit({ request: id })).length > 0);
  const events = await broker.audit({});
  const actions = new Set(events.map(({ action }) => action));
  expect([actions.has('feed.stream'), actions.has('feed.acknowledge')]).toEqual([true, false]);
});
