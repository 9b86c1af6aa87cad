// The examples of docs/mcp.md run, one after the other, as one program against a broker.
import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { createMcpExpressApp } from '@modelcontextprotocol/express';
import { toNodeHandler } from '@modelcontextprotocol/node';
import {
  McpServer,
  WebStandardStreamableHTTPServerTransport,
  createMcpHandler,
} from '@modelcontextprotocol/server';
import type { Express } from 'express';
import { z } from 'zod';
import { freePort } from '../../examples/demo/port.js';
import { Agent } from '../../src/sdk/agent/index.js';
import type { McpFetch, Rules } from '../../src/sdk/mcp/index.js';
import { ProtectedMcp, credentialOf, protectMcp } from '../../src/sdk/mcp/index.js';
import { Verifier } from '../../src/sdk/verifier/index.js';
import { TestBroker } from '../fixtures/broker.js';
import { CRM, SEARCH } from '../fixtures/broker-configuration.js';
import type { InPlaceOfBroker } from '../fixtures/in-place-of-broker.js';
import { answering, inPlaceOfBroker } from '../fixtures/in-place-of-broker.js';

const page = readFileSync('docs/mcp.md', 'utf8');
const blocks = [...page.matchAll(/^```js\n([^]*?)^```$/gm)].map(([, code = '']) => code);

interface Told {
  readonly server: Server;
  readonly verifier: Verifier;
  readonly client: Client;
  readonly agents: readonly Agent[];
  readonly app: Express;
  readonly mine: readonly { readonly name: string }[];
  readonly found: { readonly content: unknown };
  readonly addNote: (given: object, context: object) => Promise<{ readonly content: unknown }>;
  readonly protections: readonly ProtectedMcp[];
  readonly rules: readonly Rules[];
  readonly transport: StreamableHTTPClientTransport;
}

let broker: TestBroker;
let store: InPlaceOfBroker;
let port: number;
let notesUrl: string;
let told: Told | undefined;
beforeAll(async () => {
  port = await freePort();
  notesUrl = `http://127.0.0.1:${port}/mcp`;
  const notes = {
    plane: 'data',
    audience: notesUrl,
    actions: ['read', 'write'],
    credential: { kind: 'jwt' },
  };
  broker = await TestBroker.start({ terms: { tools: { notes, crm: CRM, search: SEARCH } } });
  store = await inPlaceOfBroker(answering(200, {}));
});
afterAll(async () => {
  await told?.client.close();
  for (const agent of told?.agents ?? []) await agent.close();
  for (const protection of told?.protections ?? []) protection.close();
  told?.server.closeAllConnections();
  told?.server.close();
  await told?.verifier.close();
  store.close();
  await broker.stop();
});

const makeServer = (): McpServer => {
  const server = new McpServer({ name: 'notes', version: '1.0.0' });
  for (const name of ['search_notes', 'add_note', 'drop_notes']) {
    server.registerTool(name, { inputSchema: z.looseObject({}) }, () => ({
      content: [{ type: 'text', text: `${name} is done` }],
    }));
  }
  return server;
};

test('the examples do what is said of them', async () => {
  const tokenFile = join(broker.folder, 'notes.token');
  writeFileSync(tokenFile, broker.workloads.token('gateway'));
  await broker.openTask({ id: 'run-42', tools: [{ tool: 'notes', actions: ['read', 'write'] }] });
  const given = {
    createServer,
    randomUUID,
    Client,
    StreamableHTTPClientTransport,
    WebStandardStreamableHTTPServerTransport,
    createMcpExpressApp,
    toNodeHandler,
    createMcpHandler,
    protectMcp,
    credentialOf,
    Verifier,
    Agent,
    makeServer,
    port,
    storeUrl: store.url,
    agentToken: broker.workloads.token('agent-7'),
    process: {
      env: { MAYFLY_URL: broker.url, MAYFLY_TOKEN_FILE: tokenFile, NOTES_URL: notesUrl },
    },
  };
  const program = blocks
    .join('\n')
    .replaceAll(/^import .*;$/gm, '')
    // As its reader would: the server is there before it is called.
    .replace('const agent =', 'await verifier.ready();\nconst agent =');
  const results = `{ server, verifier, client, agents: [agent, bound], app, mine, found, addNote, transport,
    protections: [notes, withResources, withSessions, strict], rules: [byName, byAction, byResource] }`;
  // eslint-disable-next-line @typescript-eslint/no-implied-eval
  const run = new Function(
    ...Object.keys(given),
    `return (async () => {${program}\nreturn ${results}})()`,
  ) as (...args: unknown[]) => Promise<Told>;
  told = await run(...Object.values(given));

  expect(told.mine.map(({ name }) => name)).toEqual(['search_notes']);
  expect(told.found.content).toEqual([{ type: 'text', text: 'search_notes is done' }]);
  expect(told.protections.every((one) => one instanceof ProtectedMcp)).toBe(true);
  const none: McpFetch = { fetch: () => Promise.reject(new Error('not called')) };
  const { verifier } = told;
  for (const tools of told.rules) {
    expect(() => protectMcp(none, { verifier, tool: 'notes', tools })).not.toThrow();
  }

  const bound = new Client({ name: 'test', version: '1.0.0' });
  await bound.connect(told.transport);
  expect((await bound.listTools()).tools).toHaveLength(1);
  await bound.close();

  const http = { authInfo: { extra: { credential: { taskId: 'run-42', sub: 'cluster/agent-7' } } } };
  const context = { http, mcpReq: { signal: new AbortController().signal } };
  await told.addNote({ name: 'milk', note: 'Buy some.' }, context);
  expect(store.seen.map(({ url, body }) => [url, body])).toEqual([
    ['/notes/milk', 'Buy some. (cluster/agent-7, run-42)'],
  ]);
});

test('with Express, the server and its metadata are where they are looked for', async () => {
  const listening = told!.app.listen(0, '127.0.0.1');
  await new Promise((ready) => listening.once('listening', ready));
  const at = `http://127.0.0.1:${(listening.address() as { port: number }).port}`;
  const message = { jsonrpc: '2.0', id: 1, method: 'tools/list' };
  const asked = { method: 'POST', body: JSON.stringify(message) };
  const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
  expect((await fetch(`${at}/mcp`, { ...asked, headers })).status).toBe(401);
  const { access_token: token } = await broker.credential('agent-7', {
    task_id: 'run-42',
    audience: 'notes',
    scope: 'read',
  });
  const authorization = `Bearer ${token}`;
  const listed = await fetch(`${at}/mcp`, { ...asked, headers: { ...headers, authorization } });
  expect(await listed.text()).toContain('search_notes');
  const metadata = await fetch(`${at}/.well-known/oauth-protected-resource/mcp`);
  expect(await metadata.json()).toMatchObject({
    resource: notesUrl,
    authorization_servers: [broker.url],
  });
  listening.closeAllConnections();
  listening.close();
});

test('a server is protected in less than ten lines', () => {
  const lines = blocks[0]!.split('\n').filter((line) => line !== '' && !line.startsWith('import '));
  expect(lines.length).toBeLessThan(10);
});

test('the page names every option', () => {
  const source = readFileSync('src/sdk/mcp/options.ts', 'utf8');
  const options = [...source.matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, name = '']) => name);
  expect(options.length).toBeGreaterThan(7);
  expect(options.filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
});
