// An MCP server behind `protectMcp`, at a real broker, and the official client of an agent.
import type { Server } from 'node:http';
import { createServer } from 'node:http';
import type { StreamableHTTPClientTransportOptions } from '@modelcontextprotocol/client';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { McpServer, createMcpHandler } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { freePort } from '../../../examples/demo/port.js';
import type { McpFetch, McpProtection, ProtectedMcp } from '../../../src/sdk/mcp/index.js';
import { protectMcp } from '../../../src/sdk/mcp/index.js';
import { Verifier } from '../../../src/sdk/verifier/index.js';
import { TestBroker } from '../../fixtures/broker.js';
import { CRM, SEARCH } from '../../fixtures/broker-configuration.js';

/** What a tool was given beside its arguments, as the package hands it on. */
type Context = Parameters<Parameters<McpServer['registerTool']>[2]>[1] & { readonly http?: unknown };

const said = (text: string) => ({ content: [{ type: 'text' as const, text }] });

export class Scene {
  readonly broker: TestBroker;
  readonly verifier: Verifier;
  readonly url: string;
  readonly guarded: ProtectedMcp;
  /** What its tools were called with, and by whom. */
  readonly calls: { readonly name: string; readonly given: unknown; readonly context: Context }[] = [];
  /** Ids of calls of `wait` whose signal came. */
  readonly stopped: unknown[] = [];
  /** What the verifier told the audit log. */
  readonly reported: readonly Readonly<Record<string, unknown>>[];
  readonly #listening: Server;
  readonly #clients: Client[] = [];

  private constructor(
    broker: TestBroker,
    verifier: Verifier,
    url: string,
    mcp: (scene: Scene) => McpFetch,
    more: Partial<McpProtection>,
    reported: Scene['reported'],
  ) {
    this.broker = broker;
    this.verifier = verifier;
    this.url = url;
    this.reported = reported;
    this.guarded = protectMcp(mcp(this), {
      verifier,
      tool: 'notes',
      tools: {
        search: 'read',
        wait: 'read',
        add: { action: 'write', resource: ({ id }) => `notes/${String(id)}` },
        read: 'admin',
      },
      ...more,
    });
    const serve = toNodeHandler(this.guarded) as (request: object, response: object) => unknown;
    this.#listening = createServer((request, response) => void serve(request, response));
  }

  static async start(
    mcp: (scene: Scene) => McpFetch = (scene) => createMcpHandler(() => scene.makeServer()),
    more: Partial<McpProtection> = {},
    { heartbeat = '1s', maxStalenessMs = 5000 } = {},
  ): Promise<Scene> {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}/mcp`;
    const actions = ['read', 'write', 'admin'];
    const credential = { kind: 'jwt' };
    const tools = {
      notes: { plane: 'data', audience: url, actions, max_ttl: '5m', credential },
      crm: CRM,
      search: SEARCH,
    };
    const broker = await TestBroker.start({ terms: { tools, feed: { heartbeat } } });
    const reported: Record<string, unknown>[] = [];
    const verifier = new Verifier({
      broker: broker.url,
      token: () => broker.workloads.token('gateway'),
      tools: { notes: { audience: url, plane: 'data' } },
      maxStalenessMs,
      fetch: (where, init) => {
        const isReport = new Request(where).url.endsWith('/v1/audit/tool-calls');
        if (isReport)
          reported.push(...(JSON.parse(init?.body as string) as { calls: typeof reported }).calls);
        return fetch(where, init);
      },
    });
    await verifier.ready({ timeoutMs: 10_000 });
    const scene = new Scene(broker, verifier, url, mcp, more, reported);
    await new Promise<void>((ready) => scene.#listening.listen(port, '127.0.0.1', ready));
    return scene;
  }

  /** Opens the task where it is not open yet. */
  async token(task: string, scope = 'read', agent = 'agent-1'): Promise<string> {
    const tools = [{ tool: 'notes', actions: ['read', 'write', 'admin'] }, ...OTHERS];
    await this.broker.openTask({ id: task, tools });
    const { access_token } = await this.broker.credential(agent, { task_id: task, audience: 'notes', scope });
    return access_token;
  }

  client(token: string | undefined, mode: 'auto' | 'legacy' = 'auto'): Promise<Client> {
    return this.connected({ authProvider: { token: () => Promise.resolve(token) } }, mode);
  }

  async connected(
    options: StreamableHTTPClientTransportOptions,
    mode: 'auto' | 'legacy' = 'auto',
  ): Promise<Client> {
    const client = new Client({ name: 'test', version: '1.0.0' }, { versionNegotiation: { mode } });
    await client.connect(new StreamableHTTPClientTransport(new URL(this.url), options));
    this.#clients.push(client);
    return client;
  }

  /** One message as it stands. */
  send(token: string, body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
    return fetch(this.url, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        accept: 'application/json, text/event-stream',
        'content-type': 'application/json',
        ...headers,
      },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  }

  makeServer(): McpServer {
    const server = new McpServer({ name: 'notes', version: '1.0.0' });
    const tool = (
      name: string,
      answer: (context: Context) => unknown = () => undefined,
      inputSchema: z.ZodType = z.looseObject({}),
    ): void => {
      server.registerTool(name, { inputSchema }, async (given: unknown, context: Context) => {
        this.calls.push({ name, given, context });
        await answer(context);
        return said(`${name} is done`);
      });
    };
    for (const name of ['search', 'add', 'read', 'unlisted', 'Search']) tool(name);
    // Until it is told to stop; what it says meanwhile makes its answer a stream.
    tool('wait', async ({ mcpReq: { id, signal, notify, _meta } }) => {
      const progressToken = _meta?.progressToken;
      const progress = { method: 'notifications/progress' as const, params: { progressToken, progress: 1 } };
      if (progressToken !== undefined) await notify(progress);
      await new Promise((stop) => signal.addEventListener('abort', stop, { once: true }));
      this.stopped.push(id);
    });
    return server;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
    this.guarded.close();
    this.#listening.closeAllConnections();
    this.#listening.close();
    await this.verifier.close();
    await this.broker.stop();
  }
}

const OTHERS = [{ tool: 'crm', actions: ['read'] }];
