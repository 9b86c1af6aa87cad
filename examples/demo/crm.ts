// A small tool that agents call: it checks the credential itself, then asks the broker whether it is still alive.
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { JWTPayload } from 'jose';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { freePort } from './port.js';
import { ask } from './wire.js';

export interface CrmOptions {
  /** The broker: `iss` of the credentials, and where its keys and introspection are. */
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

interface CredentialClaims extends JWTPayload {
  readonly tool?: string;
  readonly scope?: string;
  readonly task_id?: string;
  readonly authorization_details?: readonly { actions: string[]; resources: string[] }[];
}

export async function startCrm(options: CrmOptions): Promise<Crm> {
  const keys = createRemoteJWKSet(new URL(`${options.broker}/jwks`));
  const customers = new Map([
    ['42', { id: '42', name: 'Ada Lovelace', notes: [] as string[] }],
    ['43', { id: '43', name: 'Grace Hopper', notes: [] as string[] }],
  ]);

  /** Everything that the credential must be for this one call; undefined where it is. */
  async function objection(request: IncomingMessage, action: string, resource: string) {
    const token = /^bearer (\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
    if (token === undefined) return refused(401, 'invalid_token', 'no credential was sent');
    let claims: CredentialClaims;
    try {
      // RFC 9068 §4: type, issuer, audience, signature and time.
      const expected = { issuer: options.broker, audience: options.audience, typ: 'at+jwt' };
      ({ payload: claims } = await jwtVerify<CredentialClaims>(token, keys, {
        ...expected,
        algorithms: ['ES256'],
      }));
    } catch {
      return refused(401, 'invalid_token', 'the credential is not a valid one for this tool');
    }
    if (claims.tool !== options.tool)
      return refused(401, 'invalid_token', 'the credential is for another tool');
    // An agent may work on two tasks at once: what it does for one must not ride on the other's credential.
    if (claims.task_id === undefined || claims.task_id !== request.headers['x-task-id'])
      return refused(403, 'insufficient_scope', 'the credential belongs to another task');
    if (!(claims.scope ?? '').split(' ').includes(action))
      return refused(403, 'insufficient_scope', `the credential does not include ${action}`);
    const covers = ({ actions, resources }: { actions: string[]; resources: string[] }): boolean =>
      actions.includes(action) && resources.includes(resource);
    if (claims.authorization_details && !claims.authorization_details.some(covers))
      return refused(403, 'insufficient_scope', `the credential does not reach ${resource}`);

    // What was true at issuance may be over by now: the broker knows.
    const told = await ask(`${options.broker}/introspect`, {
      bearer: await options.ownToken(),
      form: { token },
    });
    if (told.status !== 200 || told.body['active'] !== true)
      return refused(401, 'invalid_token', 'the credential is not alive any more');
    return undefined;
  }

  async function answer(request: IncomingMessage): Promise<Said> {
    const [, id = '', notes] = /^\/customers\/(\w+)(\/notes)?$/.exec(request.url ?? '') ?? [];
    const customer = customers.get(id);
    const action = notes === undefined ? 'read' : 'write';
    if (!customer || request.method !== (action === 'read' ? 'GET' : 'POST'))
      return refused(404, 'not_found', 'no such thing here');
    const refusal = await objection(request, action, `customers/${id}`);
    if (refusal) return refusal;
    if (action === 'read') return { status: 200, body: customer };
    customer.notes.push(`a note for ${String(request.headers['x-task-id'])}`);
    return { status: 201, body: customer };
  }

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { status, body } = await answer(request).catch(() =>
      refused(503, 'unavailable', 'the broker could not be asked'),
    );
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  }

  const port = await freePort();
  const server = createServer((request, response) => void respond(request, response));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return { url: `http://127.0.0.1:${port}`, stop: () => closed(server) };
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
