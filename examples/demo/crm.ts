// A small tool that agents call: `mayfly/verifier` stands before it, and checks every credential without a call to the broker.
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { VerifiedCredential } from '../../src/sdk/verifier/index.js';
import { guard, Verifier } from '../../src/sdk/verifier/index.js';
import { freePort } from './port.js';

export interface CrmOptions {
  /** The broker: `iss` of the credentials, and where its keys and its feed of kills are. */
  readonly broker: string;
  /** Our own `aud`. */
  readonly audience: string;
  /** The name that the broker's catalogue has for us. */
  readonly tool: string;
  /** Our own workload token, to call the broker with. */
  readonly ownToken: () => Promise<string>;
}

export interface Crm {
  readonly url: string;
  stop(): Promise<void>;
}

interface Said {
  readonly status: number;
  readonly body: object;
}

export async function startCrm({ broker, audience, tool, ownToken }: CrmOptions): Promise<Crm> {
  const verifier = new Verifier({ broker, token: ownToken, tools: { [tool]: { audience, plane: 'data' } } });
  const customers = new Map([
    ['42', { id: '42', name: 'Ada Lovelace', notes: [] as string[] }],
    ['43', { id: '43', name: 'Grace Hopper', notes: [] as string[] }],
  ]);

  /** What the call needs a credential for. */
  const want = (request: IncomingMessage) => {
    const { id, action } = readCall(request);
    return { tool, action, resource: `customers/${id}` };
  };

  function answer(request: IncomingMessage, { taskId }: VerifiedCredential): Said {
    const { id, action } = readCall(request);
    const customer = customers.get(id);
    // An agent may work on two tasks at once: what it does for one must not ride on the other's credential.
    if (request.headers['x-task-id'] !== taskId)
      return refused(403, 'insufficient_scope', 'the credential belongs to another task');
    if (!customer || request.method !== (action === 'read' ? 'GET' : 'POST'))
      return refused(404, 'not_found', 'no such thing here');
    if (action === 'read') return { status: 200, body: customer };
    customer.notes.push(`a note for ${taskId}`);
    return { status: 201, body: customer };
  }

  const respond = (
    request: IncomingMessage,
    response: ServerResponse,
    credential: VerifiedCredential,
  ): void => {
    const { status, body } = answer(request, credential);
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  };

  const port = await freePort();
  const server = createServer(guard(verifier, want, respond));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  await verifier.ready();
  const stop = async (): Promise<void> => {
    await closed(server);
    await verifier.close();
  };
  return { url: `http://127.0.0.1:${port}`, stop };
}

function readCall({ url = '' }: IncomingMessage): { readonly id: string; readonly action: 'read' | 'write' } {
  const [, id = '', notes] = /^\/customers\/(\w+)(\/notes)?$/.exec(url) ?? [];
  return { id, action: notes === undefined ? 'read' : 'write' };
}

/** RFC 6750 §3.1 as JSON. */
const refused = (status: number, error: string, description: string): Said => ({
  status,
  body: { error, error_description: description },
});

function closed(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}
