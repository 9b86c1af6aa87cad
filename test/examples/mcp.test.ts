// The example MCP server and its client, as programs of their own, at a broker of its own.
import { resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { freePort } from '../../examples/demo/port.js';
import { CRM, SEARCH } from '../fixtures/broker-configuration.js';
import { until } from '../fixtures/until.js';
import type { Running } from './scene.js';
import { Scene } from './scene.js';

let scene: Scene;
let server: Running;
let notesUrl: string;

beforeAll(async () => {
  notesUrl = `http://127.0.0.1:${await freePort()}/mcp`;
  const notes = {
    plane: 'data',
    audience: notesUrl,
    actions: ['read', 'write'],
    credential: { kind: 'jwt' },
  };
  scene = await Scene.start({ tools: { notes, crm: CRM, search: SEARCH } });
  server = scene.run(process.execPath, [resolve('examples/mcp/server.mjs')], {
    MAYFLY_URL: scene.broker.url,
    MAYFLY_TOKEN_FILE: scene.tokenFile('gateway'),
    NOTES_URL: notesUrl,
  });
  await until('the server listens', () => server.said().includes('notes at'), {
    givingUp: () => (server.child.exitCode === null ? undefined : server.said()),
  });
});
afterAll(async () => {
  server.child.kill();
  await server.ended;
  await scene.stop();
});

const open = (id: string): Promise<unknown> =>
  scene.broker.openTask({ id, tools: [{ tool: 'notes', actions: ['read', 'write'] }] });

test('the agent reads what it may, is told what it may not, and gives its credential back', async () => {
  await open('mcp-1');
  const { ended } = scene.run(process.execPath, [resolve('examples/mcp/client.mjs')], {
    MAYFLY_URL: scene.broker.url,
    MAYFLY_TOKEN_FILE: scene.tokenFile(),
    MAYFLY_TASK: 'mcp-1',
    NOTES_URL: notesUrl,
  });
  expect(await ended).toEqual({
    exit: 0,
    err: '',
    out:
      'I may call search_notes, follow_notes\n' +
      'found: A mayfly lives for a day, and needs no key after that.\n' +
      'I may not write\n',
  });
  expect((await scene.leases('mcp-1')).map(({ state }) => state)).toEqual(['revoked']);
});

test('a tool that would go on for ever is cut off within a second of the end of its task', async () => {
  await open('mcp-2');
  const asked = { task_id: 'mcp-2', audience: 'notes', scope: 'read' };
  const { access_token } = await scene.broker.credential('agent-1', asked);
  const client = new Client({ name: 'test', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } });
  const authProvider = { token: () => Promise.resolve(access_token) };
  await client.connect(new StreamableHTTPClientTransport(new URL(notesUrl), { authProvider }));
  let heard = 0;
  const following = client.callTool(
    { name: 'follow_notes', arguments: {} },
    { onprogress: () => heard++, timeout: 20_000 },
  );
  const end = following.then(
    () => 'answered',
    (error: unknown) => String(error),
  );
  await until('it tells of the notes', () => heard > 1);
  const began = performance.now();
  await scene.broker.complete('mcp-2');
  expect(await end).toMatch('not valid any more');
  expect(performance.now() - began).toBeLessThan(1000);
  await client.close();
});
