// An MCP server behind a real broker, called by the official client: what a credential lets it do, and until when.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Client } from '@modelcontextprotocol/client';
import {
  InsufficientScopeError,
  UnauthorizedError,
  discoverOAuthProtectedResourceMetadata,
} from '@modelcontextprotocol/client';
import { credentialOf } from '../../../src/sdk/mcp/index.js';
import { until } from '../../fixtures/until.js';
import { Scene } from './scene.js';

let scene: Scene;
beforeAll(async () => {
  scene = await Scene.start();
});
afterAll(() => scene.stop());

const call = (name: unknown, given: unknown = {}, id: unknown = 1) => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name, arguments: given },
});
const search = { name: 'search', arguments: {} };

describe('whoever shows nothing that is good', () => {
  test('is led from the challenge to the metadata, and from there to the broker', async () => {
    const response = await fetch(scene.url, { method: 'POST', body: '{' });
    expect(response.status).toBe(401);
    const challenge = response.headers.get('www-authenticate') ?? '';
    expect(challenge).toContain(`Bearer resource_metadata="${scene.guarded.metadataUrl}"`);
    expect(challenge).not.toContain('error=');

    const metadata = await discoverOAuthProtectedResourceMetadata(scene.url);
    expect(metadata).toMatchObject({
      resource: scene.url,
      authorization_servers: [scene.broker.url],
      scopes_supported: ['admin', 'read', 'write'],
      bearer_methods_supported: ['header'],
    });
    // RFC 8414 §3. The client's own reader of it wants an authorization endpoint, which a broker without people has none of.
    const broker = await fetch(
      `${metadata.authorization_servers![0]}/.well-known/oauth-authorization-server`,
    );
    expect(await broker.json()).toMatchObject({
      issuer: scene.broker.url,
      token_endpoint: `${scene.broker.url}/token`,
    });
  });

  test('gets nowhere with the official client', async () => {
    await expect(scene.client(undefined)).rejects.toThrow(UnauthorizedError);
  });

  test.each([
    ['a token that is none', () => 'nonsense'],
    ['a workload token', () => scene.broker.workloads.token('agent-1')],
    [
      'a credential for another tool',
      async () => {
        await scene.token('audience');
        const another = { task_id: 'audience', audience: 'crm', scope: 'read' };
        return (await scene.broker.credential('agent-1', another)).access_token;
      },
    ],
    [
      'a credential of a task that is over',
      async () => {
        const token = await scene.token('over');
        await scene.broker.complete('over');
        await until(
          'the verifier knows',
          async () => (await scene.send(token, call('search'))).status === 401,
        );
        return token;
      },
    ],
  ])('%s is refused with 401 and the place of the metadata', async (_what, token) => {
    const response = await scene.send(await token(), call('search'));
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toBe(
      `Bearer error="invalid_token", resource_metadata="${scene.guarded.metadataUrl}"`,
    );
  });
});

describe.each(['auto', 'legacy'] as const)('an agent with a live credential, in the era %s', (mode) => {
  let client: Client;
  beforeAll(async () => {
    client = await scene.client(await scene.token(`live-${mode}`), mode);
  });

  test('calls the tools that it carries the action of, as itself', async () => {
    expect((await client.callTool(search)).content).toEqual([{ type: 'text', text: 'search is done' }]);
    const { context } = scene.calls.at(-1)!;
    const { taskId, sub, actions } = credentialOf(context);
    expect([taskId, sub, actions]).toEqual([`live-${mode}`, 'cluster/agent-1', ['read']]);
  });

  test('is told which scope another tool needs', async () => {
    const refusal = await client.callTool({ name: 'add', arguments: { id: '7' } }).catch((e: unknown) => e);
    expect(refusal).toBeInstanceOf(InsufficientScopeError);
    const { requiredScope, resourceMetadataUrl } = refusal as InsufficientScopeError;
    expect([requiredScope, String(resourceMetadataUrl)]).toEqual(['write', scene.guarded.metadataUrl]);
  });

  test('sees in the list only what it may call', async () => {
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(['search', 'wait']);
  });

  test('is cut off in the middle of a call when its task ends, and the tool is told to stop', async () => {
    const [task, already] = [`cut-${mode}`, scene.stopped.length];
    const doomed = await scene.client(await scene.token(task), mode);
    let heard = 0;
    const waiting = doomed.callTool({ name: 'wait', arguments: {} }, { onprogress: () => heard++ });
    const ended = waiting.then(
      () => 'answered',
      (error: unknown) => String(error),
    );
    await until('the stream runs', () => heard > 0);
    const asked = performance.now();
    await scene.broker.complete(task);
    expect(await ended).toMatch('not valid any more');
    expect(performance.now() - asked).toBeLessThan(1000);
    await until('the tool has stopped', () => scene.stopped.length > already);
    await expect(doomed.callTool(search)).rejects.toThrow(UnauthorizedError);
  });
});

test('a call that has not begun to answer gets a 401 when its task ends', async () => {
  const [token, already] = [await scene.token('silent'), scene.calls.length];
  // Without an envelope it is of the older era, whose answers are streams from the beginning.
  const envelope = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1.0.0' },
    'io.modelcontextprotocol/clientCapabilities': {},
  };
  const asked = { ...call('wait'), params: { name: 'wait', arguments: {}, _meta: envelope } };
  const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'wait' };
  const waiting = scene.send(token, asked, headers);
  await until('the tool is at work', () => scene.calls.length > already);
  await scene.broker.complete('silent');
  expect((await waiting).status).toBe(401);
});

test('a stream of changes ends with the task', async () => {
  const client = await scene.client(await scene.token('listening'));
  const subscription = await client.listen({ toolsListChanged: true });
  await scene.broker.complete('listening');
  expect(await subscription.closed).toBeDefined();
});

test('tools never get the token, nor the header that it came in', async () => {
  const token = await scene.token('secret');
  await (await scene.client(token)).callTool(search);
  const { http } = scene.calls.at(-1)!.context as { http: { req: Request; authInfo: { token: string } } };
  expect(http.authInfo.token).toBe('');
  expect([http.req.headers.get('authorization'), http.req.headers.get('dpop')]).toEqual([null, null]);
  expect(JSON.stringify([http.authInfo, [...http.req.headers]])).not.toContain(token);
});

test('a credential that is bound to resources reaches those, and no others', async () => {
  await scene.token('bound', 'write');
  const details = [{ type: 'mayfly_tool', actions: ['write'], resources: ['notes/7'] }];
  const asked = {
    task_id: 'bound',
    audience: 'notes',
    scope: 'write',
    authorization_details: JSON.stringify(details),
  };
  const client = await scene.client((await scene.broker.credential('agent-1', asked)).access_token);
  await client.callTool({ name: 'add', arguments: { id: '7' } });
  await expect(client.callTool({ name: 'add', arguments: { id: '8' } })).rejects.toThrow(
    InsufficientScopeError,
  );
});

test('every call is reported, let through or not, and what is no call is not', async () => {
  const token = await scene.token('reported', 'write');
  await scene.send(token, { jsonrpc: '2.0', id: 1, method: 'tools/list' });
  for (const message of [call('add', { id: '7' }), call('search'), call('not a tool')]) {
    await scene.send(token, message);
  }
  const mine = await until('all of it is told', () => {
    const calls = scene.reported.filter(({ task }) => task === 'reported');
    return calls.length >= 3 && calls;
  });
  const common = { tool: 'notes', agent: 'cluster/agent-1', lease: expect.stringMatching(/^lease_/) };
  expect(mine).toEqual(
    [
      { action: 'write', resource: 'notes/7', outcome: 'accepted', detail: { mcp: 'add' } },
      { action: 'read', outcome: 'refused', reason: 'action', detail: { mcp: 'search' } },
      { action: 'not a tool', outcome: 'refused', reason: 'action', detail: { mcp: 'not a tool' } },
    ].map((facts) => expect.objectContaining({ ...common, ...facts })),
  );
});

describe('a message that is not what it seems', () => {
  let token: string;
  beforeAll(async () => {
    token = await scene.token('crooked');
  });

  test.each([
    ['a tool that no rule names', call('unlisted')],
    ['a tool whose name differs in case', call('Search')],
    ['a name from the prototype', call('constructor')],
    ['a name that is the prototype', call('__proto__')],
    ['a tool that is called like an action that the credential has', call('read')],
    ['a name that would end the header', call('search"\r\nx: y')],
    [
      'a method that no rule names',
      { jsonrpc: '2.0', id: 1, method: 'resources/read', params: { uri: 'a' } },
    ],
    ['a method whose name differs in case', { jsonrpc: '2.0', id: 1, method: 'Tools/call' }],
    ['a subscription to a resource', listen({ resourceSubscriptions: ['notes://7'] })],
  ])('%s is forbidden', async (_what, body) => {
    const before = scene.calls.length;
    const response = await scene.send(token, body);
    expect(response.status).toBe(403);
    expect(response.headers.get('www-authenticate')).toMatch(/^Bearer error="insufficient_scope"/);
    expect(scene.calls).toHaveLength(before);
  });

  test.each([
    ['a batch', [call('search')], 400],
    ['a member twice', JSON.stringify(call('search')).replace('"name"', '"name":"read","name"'), 400],
    [
      'the name twice, once escaped',
      JSON.stringify(call('search')).replace('{"name"', '{"n\\u0061me":"read","name"'),
      400,
    ],
    ['a prototype for its params', `{"jsonrpc":"2.0","id":1,"method":"tools/call","__proto__":{}}`, 400],
    ['a name that is a list', call(['search']), 400],
    ['arguments that are a list', call('search', []), 400],
    ['no method', { jsonrpc: '2.0', id: 1 }, 400],
    ['no JSON', '{', 400],
    ['nothing', '', 400],
    ['more than a server takes', `"${'a'.repeat(5 * 1024 * 1024)}"`, 413],
  ])('%s is answered with an error, and called is nothing', async (_what, body, status) => {
    const before = scene.calls.length;
    expect((await scene.send(token, body)).status).toBe(status);
    expect(scene.calls).toHaveLength(before);
  });

  test('a body of another type is not read', async () => {
    expect((await scene.send(token, call('search'), { 'content-type': 'text/plain' })).status).toBe(415);
  });

  test('what is wrong with it is not for those to know who may send none', async () => {
    expect((await scene.send('nonsense', [call('search')])).status).toBe(401);
  });

  test.each(['GET', 'DELETE', 'PUT'])('%s needs a credential like any other', async (method) => {
    expect((await fetch(scene.url, { method })).status).toBe(401);
    const headers = { authorization: `Bearer ${token}` };
    expect((await fetch(scene.url, { method, headers })).status).toBe(405);
  });
});

function listen(notifications: object): object {
  return { jsonrpc: '2.0', id: 1, method: 'subscriptions/listen', params: { notifications } };
}
