// docs/verifier.md: its examples protect what they say, with a broker behind them, and its tables are the code's.
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import express from 'express';
import * as sdk from '../../src/sdk/verifier/index.js';
import { TestBroker } from '../fixtures/broker.js';
import { until } from '../fixtures/until.js';

const page = readFileSync('docs/verifier.md', 'utf8');
const blocks = new Map(
  [...page.matchAll(/^```js part=(\w+)\n([^]*?)^```$/gm)].map(([, part = '', code = '']) => [part, code]),
);

let broker: TestBroker;
let verifier: sdk.Verifier;
const servers: Server[] = [];
beforeAll(async () => {
  broker = await TestBroker.start();
});
afterAll(async () => {
  await verifier.close();
  for (const server of servers) server.close().closeAllConnections();
  await broker.stop();
});

/** Runs one of the page's programs with what it needs at hand, and answers what it made. */
async function run(part: string, given: object, result = '{}'): Promise<Record<string, unknown>> {
  const code = blocks
    .get(part)!
    .replaceAll(/^import .*;$/gm, '')
    .replaceAll(/^export /gm, '');
  const names = { ...sdk, createServer, verifier, ...given };
  // eslint-disable-next-line @typescript-eslint/no-implied-eval
  const program = new Function(...Object.keys(names), `return (async () => {${code}\nreturn ${result}})()`);
  return (await program(...Object.values(names))) as Record<string, unknown>;
}

async function listening(server: Server): Promise<string> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function credential(task: string, scope: string): Promise<string> {
  await broker.openTask({ id: task });
  return (await broker.credential('agent-7', { task_id: task, audience: 'crm', scope })).access_token;
}

test('its programs protect an Express route, a plain server and a handler of fetch’s kind', async () => {
  const tokenFile = join(broker.folder, 'verifier.token');
  writeFileSync(tokenFile, broker.workloads.token('crm-api'));
  blocks.set('verifier', blocks.get('verifier')!.replace('/var/run/secrets/mayfly/token', tokenFile));
  // Here it has a name already.
  blocks.set('verifier', blocks.get('verifier')!.replace('const verifier', 'const made'));
  ({ made: verifier } = (await run(
    'verifier',
    { process: { env: { MAYFLY_URL: broker.url } } },
    '{ made }',
  )) as {
    made: sdk.Verifier;
  });
  const token = await credential('run-1', 'read');
  const app = express();
  await run('express', { app });
  await run('resource', { app });
  const inExpress = await listening(createServer(app));
  const { server } = (await run('node', {}, '{ server }')) as { server: Server };
  const plain = await listening(server);
  const { handler } = (await run('fetch', {}, '{ handler }')) as {
    handler: (request: Request) => Promise<Response>;
  };
  await verifier.ready();

  const headers = { authorization: `Bearer ${token}` };
  expect(await (await fetch(`${inExpress}/customers/7`, { headers })).json()).toEqual({
    id: '7',
    askedBy: 'cluster/agent-7',
  });
  expect(await (await fetch(plain, { headers })).text()).toBe('cluster/agent-7 works on run-1');
  expect(await (await handler(new Request('http://a/', { headers }))).json()).toEqual({
    askedBy: 'cluster/agent-7',
  });
  expect((await fetch(`${inExpress}/customers/7`, { method: 'PUT', headers })).status).toBe(403);
  for (const refused of [fetch(`${inExpress}/customers/7`), fetch(plain), handler(new Request('http://a/'))])
    expect((await refused).status).toBe(401);

  await broker.complete('run-1');
  await until('it is dead everywhere', async () => (await fetch(plain, { headers })).status === 401);
  expect((await fetch(`${inExpress}/customers/7`, { headers })).status).toBe(401);
});

test('its programs check by hand, watch a session, and are each under ten lines', async () => {
  const token = await credential('run-2', 'read');
  const refused: unknown[] = [];
  const told = await run('verify', { token, refused }, '{ credential, offered }');
  expect(told['credential']).toMatchObject({ taskId: 'run-2', confirmedBy: 'feed' });
  expect(told['offered']).toEqual(['read']);
  expect(refused).toEqual([['ERR_ACTION', 403, 'Bearer error="insufficient_scope", scope="write"']]);
  const ended: string[] = [];
  await run('watch', { token, ended });
  await run('detail', { token });
  await broker.complete('run-2');
  await until('the session is told', () => ended.length > 0);
  expect(ended).toEqual(['ERR_REVOKED']);
  for (const part of ['verifier', 'express', 'node', 'fetch', 'resource'])
    expect([part, blocks.get(part)!.trim().split('\n').length < 10]).toEqual([part, true]);
});

const source = (file: string): string => readFileSync(`src/sdk/verifier/${file}`, 'utf8');

test('it names every code, every event and every option', () => {
  const codes = [...source('refused.ts').matchAll(/^ {2}(ERR_\w+):/gm)].map(([, name]) => name!);
  const events = [...source('events.ts').matchAll(/^ {2}\| '(\w+)'/gm)].map(([, name]) => name!);
  const [, options = ''] = /interface VerifierOptions \{([^]*?)^\}/m.exec(source('options.ts')) ?? [];
  const names = [...options.matchAll(/readonly (\w+)\??:/g)].map(([, name]) => name!);
  expect([codes.length, events.length, names.length].every((count) => count >= 10)).toBe(true);
  expect([...codes, ...events, ...names].filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
});
