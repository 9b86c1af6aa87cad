// A server that keeps sessions: none of them is ever another's, and none outlives its credential.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/server';
import type { McpFetch } from '../../../src/sdk/mcp/index.js';
import { Sessions } from '../../../src/sdk/mcp/sessions.js';
import type { VerifiedCredential } from '../../../src/sdk/verifier/index.js';
import { until } from '../../fixtures/until.js';
import { Scene } from './scene.js';

const SESSION = 'mcp-session-id';
const MOST = 4;
/** By their names, as a server of the 2025 era keeps them. */
const kept = new Map<string, WebStandardStreamableHTTPServerTransport>();
/** The name of the next session, where the test has one. */
let nextName: string | undefined;
/** How often the server was asked for anything. */
let asked = 0;

const keeping = (scene: Scene): McpFetch => ({
  async fetch(request, given) {
    asked++;
    const known = kept.get(request.headers.get(SESSION) ?? '');
    if (known) return known.handleRequest(request, given);
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => nextName ?? randomUUID(),
      onsessioninitialized: (id) => void kept.set(id, transport),
      onsessionclosed: (id) => void kept.delete(id),
    });
    await scene.makeServer().connect(transport);
    return transport.handleRequest(request, given);
  },
});

let scene: Scene;
beforeAll(async () => {
  scene = await Scene.start(keeping, { mostSessions: MOST });
});
afterAll(() => scene.stop());

const initialize = {
  jsonrpc: '2.0',
  id: 0,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
};
const ping = { jsonrpc: '2.0', id: 1, method: 'ping' };
const wait = (id: number) => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name: 'wait', arguments: {} },
});

async function begin(token: string): Promise<{ [SESSION]: string }> {
  const response = await scene.send(token, initialize);
  expect(response.status).toBe(200);
  await response.text();
  return { [SESSION]: response.headers.get(SESSION)! };
}

/** A stream of what the server has to say by itself. */
const listening = (token: string, session: Record<string, string>): Promise<Response> =>
  fetch(scene.url, {
    headers: { authorization: `Bearer ${token}`, accept: 'text/event-stream', ...session },
  });

const ending = (token: string, session: Record<string, string>): Promise<Response> =>
  fetch(scene.url, { method: 'DELETE', headers: { authorization: `Bearer ${token}`, ...session } });

describe('a session', () => {
  let token: string;
  let session: { [SESSION]: string };
  beforeAll(async () => {
    token = await scene.token('mine');
    session = await begin(token);
  });

  test('goes on with another credential of the same agent for the same task', async () => {
    for (const mine of [token, await scene.token('mine', 'write')]) {
      expect((await scene.send(mine, ping, session)).status).toBe(200);
    }
  });

  test.each([
    ['another task', () => scene.token('another')],
    ['another task below it', () => scene.token('mine-too', 'read')],
    ['another agent at the same task', () => scene.token('mine', 'read', 'agent-2')],
  ])('is not there for the credential of %s, whatever it asks', async (_whose, theirs) => {
    const stranger = await theirs();
    for (const answer of [
      await scene.send(stranger, ping, session),
      await scene.send(stranger, initialize, session),
      await listening(stranger, session),
      await ending(stranger, session),
    ]) {
      expect([answer.status, await answer.json()]).toEqual([
        404,
        { jsonrpc: '2.0', id: null, error: { code: -32001, message: 'Session not found' } },
      ]);
    }
    expect((await scene.send(token, ping, session)).status).toBe(200);
  });

  test('is not begun under a name that a client brings along', async () => {
    const before = kept.size;
    const answer = await scene.send(token, initialize, { [SESSION]: 'planted' });
    expect([answer.status, kept.size]).toEqual([404, before]);
  });

  test('is not taken over where the server gives its name a second time', async () => {
    nextName = session[SESSION];
    const mine = kept.get(nextName)!;
    const stranger = await scene.token('second');
    expect((await scene.send(stranger, initialize)).status).toBe(404);
    kept.set(nextName, mine);
    nextName = undefined;
    expect((await scene.send(stranger, ping, session)).status).toBe(404);
    expect((await scene.send(token, ping, session)).status).toBe(200);
  });

  test('is over once its owner has ended it', async () => {
    const short = await begin(token);
    expect((await ending(token, short)).status).toBe(200);
    expect((await scene.send(token, ping, short)).status).toBe(404);
  });
});

test('with its task end the session, its streams and the tool at work', async () => {
  const token = await scene.token('doomed');
  const session = await begin(token);
  const before = asked;
  // Nothing is sent before there is something to say, not even the head.
  const stream = listening(token, session).then((response) => response.text());
  const answer = scene.send(token, wait(7), session).then((response) => response.text());
  await until('both have begun', () => asked === before + 2);
  const began = performance.now();
  await scene.broker.complete('doomed');
  expect(await stream).toBe('');
  expect(await answer).toContain('not valid any more');
  expect(performance.now() - began).toBeLessThan(1000);
  await until('the tool has stopped', () => scene.stopped.includes(7));
  await until('the server has let go of it', () => !kept.has(session[SESSION]));
});

test('a listener that has gone away leaves room for the next one', async () => {
  const token = await scene.token('gone');
  const session = await begin(token);
  const before = asked;
  const gone = new AbortController();
  const headers = { authorization: `Bearer ${token}`, accept: 'text/event-stream', ...session };
  const first = fetch(scene.url, { headers, signal: gone.signal }).catch((error: unknown) => String(error));
  await until('it listens', () => asked > before);
  gone.abort();
  expect(await first).toMatch('aborted');
  // Two listeners at once are a conflict, which is told at once; where there is none, nothing is.
  await until('there is room', async () => {
    const patience = AbortSignal.timeout(200);
    const next = fetch(scene.url, { headers, signal: patience });
    return next.then(
      ({ status }) => status !== 409,
      (error: unknown) => String(error).includes('timeout'),
    );
  });
  expect((await ending(token, session)).status).toBe(200);
});

test('a call ends with the credential that made it, though another keeps the session open', async () => {
  const [first, second] = [await scene.token('shared'), await scene.token('shared', 'write')];
  const session = await begin(first);
  expect((await scene.send(second, ping, session)).status).toBe(200);
  const before = scene.calls.length;
  const answer = scene.send(first, wait(8), session).then((response) => response.text());
  await until('the tool is at work', () => scene.calls.length > before);
  const dead = (await scene.broker.introspect(first))['jti'];
  await scene.broker.kill({ lease: dead });
  expect(await answer).toContain('not valid any more');
  await until('the tool has stopped', () => scene.stopped.includes(8));
  expect((await scene.send(second, ping, session)).status).toBe(200);
});

const credential = (leaseId: string, expiresAt = 1): VerifiedCredential =>
  ({ leaseId, expiresAt, taskId: 'run-1', sub: 'cluster/agent-1', claims: {} }) as VerifiedCredential;

describe('what a session lives by', () => {
  const ended: string[] = [];
  const watched = new Map<VerifiedCredential, AbortController>();
  const dies = (one: VerifiedCredential): void => watched.get(one)?.abort();
  const sessions = new Sessions({
    most: 100,
    watch: (one) => {
      const abort = new AbortController();
      watched.set(one, abort);
      const stop = (): boolean => watched.delete(one);
      return { signal: abort.signal, stop, [Symbol.dispose]: stop };
    },
    end: (id) => void ended.push(id),
  });

  test('is the last of its credentials, whichever it is', () => {
    const [first, second] = [credential('a'), credential('b')];
    sessions.begin('two', first);
    sessions.admitted('two', second);
    dies(first);
    expect(ended).toEqual([]);
    dies(second);
    expect([ended, watched.size]).toEqual([['two'], 0]);
  });

  test('is the renewed one, after its lease was renewed', () => {
    const [first, renewed] = [credential('a', 1), credential('a', 2)];
    sessions.begin('renewed', first);
    const over = sessions.admitted('renewed', renewed);
    // An answer that was asked for earlier comes later.
    sessions.admitted('renewed', first);
    expect([...watched.keys()]).toEqual([renewed]);
    dies(renewed);
    expect([over?.aborted, ended.at(-1), watched.size]).toEqual([true, 'renewed', 0]);
  });

  test('is watched for a few of them only, the latest', () => {
    sessions.begin('many', credential('0'));
    for (let used = 1; used < 100; used++) sessions.admitted('many', credential(String(used)));
    expect(watched.size).toBeLessThan(10);
    for (const one of watched.keys()) dies(one);
    expect([ended.at(-1), watched.size]).toEqual(['many', 0]);
  });

  test('is nothing, where its credential is dead when it begins', () => {
    const dead = { signal: AbortSignal.abort(), stop: () => undefined, [Symbol.dispose]: () => undefined };
    const stillborn = new Sessions({ most: 1, watch: () => dead, end: (id) => void ended.push(id) });
    stillborn.begin('dead', credential('a'));
    expect([ended.at(-1), stillborn.admitted('dead', credential('a'))]).toEqual(['dead', undefined]);
  });
});

test('there are no more sessions than there is room for, and none is left over', async () => {
  const token = await scene.token('crowd');
  let last = 200;
  for (let begun = 0; last === 200 && begun <= MOST; begun++) {
    const response = await scene.send(token, initialize);
    await response.text();
    last = response.status;
  }
  expect(last).toBe(503);
  await until('the server has as many as we do', () => kept.size <= MOST);
});
