// Before a route: what is not allowed does not reach the handler, in each of the three forms.
import { createServer, request as ask, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import express from 'express';
import { credentialOf, guard, protect, withCredential } from '../../../src/sdk/verifier/index.js';
import { digested, Prover } from '../../fixtures/prover.js';
import { VerifierScene } from './scene.js';

let scene: VerifierScene;
let server: Server | undefined;
beforeAll(async () => {
  scene = await VerifierScene.start({
    reportCalls: false,
    tools: {
      crm: {
        audience: 'https://crm.example',
        plane: 'data',
        baseUrl: 'https://crm.example/api/',
        resourceMetadata: 'https://crm.example/.well-known/oauth-protected-resource',
      },
    },
  });
});
afterEach(() => server?.close().closeAllConnections());
afterAll(() => scene.stop());

type Call = (path: string, init?: RequestInit) => Promise<Response>;

async function serving(listener: RequestListener): Promise<Call> {
  server = createServer(listener);
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return (path, init) => fetch(`http://127.0.0.1:${port}${path}`, init);
}

const bearer = (token: string): RequestInit => ({ headers: { authorization: `Bearer ${token}` } });

const forms: readonly (readonly [string, () => Promise<Call>])[] = [
  [
    'protect, in Express',
    () => {
      const app = express();
      const router = express.Router();
      const want = protect(scene.verifier, { tool: 'crm', action: 'read' });
      router.get('/:id', want, (request, response) => void response.json({ sub: credentialOf(request).sub }));
      app.use('/customers', router);
      return serving(app);
    },
  ],
  [
    'guard, in node:http',
    () => {
      const handler = guard(scene.verifier, { tool: 'crm', action: 'read' }, (_request, response, { sub }) =>
        response.setHeader('content-type', 'application/json').end(JSON.stringify({ sub })),
      );
      return serving(handler);
    },
  ],
  [
    'withCredential, of fetch’s kind',
    () => {
      const handler = withCredential(scene.verifier, { tool: 'crm', action: 'read' }, (_request, { sub }) =>
        Response.json({ sub }),
      );
      return Promise.resolve((path, init) => handler(new Request(`http://whatever${path}`, init)));
    },
  ],
];

test.each(forms)('%s: lets through what is allowed, and nothing else', async (_name, form) => {
  const call = await form();
  const { feed } = scene;
  const good = await call('/customers/7', bearer(feed.credential()));
  expect([good.status, await good.json()]).toEqual([200, { sub: 'cluster/agent-7' }]);
  const metadata = 'resource_metadata="https://crm.example/.well-known/oauth-protected-resource"';
  const refusals: [RequestInit, number, string][] = [
    [{}, 401, `Bearer ${metadata}, DPoP ${metadata}`],
    [{ headers: { authorization: 'Basic abc' } }, 401, `Bearer error="invalid_token", ${metadata}`],
    [bearer('garbage'), 401, `Bearer error="invalid_token", ${metadata}`],
    [bearer(feed.credential({ exp: 1 })), 401, `Bearer error="invalid_token", ${metadata}`],
    [
      bearer(feed.credential({ scope: 'write' })),
      403,
      `Bearer error="insufficient_scope", scope="read", ${metadata}`,
    ],
  ];
  for (const [init, status, header] of refusals) {
    const refused = await call('/customers/7', init);
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([
      status,
      expect.stringContaining(header),
    ]);
    expect(refused.headers.get('cache-control')).toBe('no-store');
    expect(Object.keys((await refused.json()) as object)).toEqual(['error', 'error_description']);
  }
});

test.each(forms)('%s: judges a proof by where the tool is, never by the Host header', async (_name, form) => {
  const call = await form();
  const prover = new Prover({ now: () => scene.feed.now() });
  const token = scene.feed.credential({ cnf: { jkt: prover.jkt } });
  const shown = (url: string): RequestInit => {
    const dpop = prover.proof('GET', url, { claims: { ath: digested(token) } });
    return { headers: { authorization: `DPoP ${token}`, dpop } };
  };
  const good = shown('https://crm.example/api/customers/7');
  expect((await call('/customers/7?all=1', good)).status).toBe(200);
  expect((await call('/customers/7', good)).status).toBe(401);
  expect((await call('/customers/7', shown('http://whatever/customers/7'))).status).toBe(401);
  expect((await call('/customers/7', bearer(token))).status).toBe(401);
});

test('a proof for one page opens no other, however the request names it', async () => {
  const app = express();
  app.get('/customers/7', protect(scene.verifier, { tool: 'crm', action: 'read' }), (_request, response) => {
    response.end('there');
  });
  await serving(app);
  const { port } = server!.address() as AddressInfo;
  const prover = new Prover({ now: () => scene.feed.now() });
  const token = scene.feed.credential({ cnf: { jkt: prover.jkt } });
  const call = async (shownFor: string): Promise<number | undefined> => {
    const dpop = prover.proof('GET', shownFor, { claims: { ath: digested(token) } });
    const headers = { authorization: `DPoP ${token}`, dpop };
    return new Promise((resolve, reject) => {
      // RFC 9112 §3.2.2
      const path = 'http://whatever/customers/7';
      ask({ host: '127.0.0.1', port, path, headers }, ({ statusCode }) => resolve(statusCode))
        .on('error', reject)
        .end();
    });
  };
  expect(await call('https://crm.example/api/')).toBe(401);
  expect(await call('https://crm.example/api/customers/7')).toBe(200);
});

test('a refusal that comes when somebody has answered already ends nothing but the call', async () => {
  const loose: unknown[] = [];
  const note = (error: unknown): void => void loose.push(error);
  process.on('unhandledRejection', note);
  try {
    const app = express();
    app.use((_request, response, next) => {
      next();
      response.status(504).end();
    });
    app.get('/', protect(scene.verifier, { tool: 'crm', action: 'read' }));
    const call = await serving(app);
    expect((await call('/', bearer('garbage'))).status).toBe(504);
    expect((await call('/', bearer('garbage'))).status).toBe(504);
    expect(loose).toEqual([]);
  } finally {
    process.off('unhandledRejection', note);
  }
});

test('what is wanted can be read off the request', async () => {
  const details = [{ type: 'mayfly_tool', actions: ['read'], resources: ['customers/7'] }];
  const token = scene.feed.credential({ authorization_details: details });
  const app = express();
  const want = protect(scene.verifier, (request: express.Request) => ({
    tool: 'crm',
    action: 'read',
    resource: `customers/${String(request.params['id'])}`,
  }));
  app.get('/customers/:id', want, (_request, response) => void response.end('there'));
  const call = await serving(app);
  expect((await call('/customers/7', bearer(token))).status).toBe(200);
  expect((await call('/customers/8', bearer(token))).status).toBe(403);
});

const unknown = () => ({ tool: 'mail', action: 'send' });

test('a fault is not a refusal, and lets nobody through', async () => {
  const told: unknown[] = [];
  const app = express();
  app.get('/', protect(scene.verifier, unknown), (_request, response) => void response.end('there'));
  app.use(((error: unknown, _request, response, _next) => {
    told.push(error);
    response.status(500).end();
  }) as express.ErrorRequestHandler);
  const inExpress = await serving(app);
  expect((await inExpress('/', bearer(scene.feed.credential()))).status).toBe(500);
  expect(told).toEqual([expect.objectContaining({ code: 'ERR_USAGE' })]);
  server!.close().closeAllConnections();
  const plain = await serving(
    guard(
      scene.verifier,
      unknown,
      (_request, response) => response.end('there'),
      (error) => told.push(error),
    ),
  );
  expect((await plain('/', bearer(scene.feed.credential()))).status).toBe(500);
  expect(told).toHaveLength(2);
  expect(told[1]).toMatchObject({ code: 'ERR_USAGE' });
  const fetched = withCredential(scene.verifier, unknown, () => new Response('there'));
  await expect(fetched(new Request('http://a/', bearer('x')))).rejects.toMatchObject({ code: 'ERR_USAGE' });
  expect(() => credentialOf({})).toThrow('no credential was verified');
});

test('a tool that the verifier was not told of is found out when the route is made', () => {
  const want = { tool: 'cmr', action: 'read' };
  const mistakes = [
    () => protect(scene.verifier, want),
    () => guard(scene.verifier, want, () => undefined),
    () => withCredential(scene.verifier, want, () => new Response()),
  ];
  for (const mistake of mistakes) expect(mistake).toThrow('not told of a tool "cmr"');
});

test('what a handler of guard throws is told, as nobody else would hear of it', async () => {
  const told: unknown[] = [];
  const thrown = new Error('a mistake');
  const handler = guard(
    scene.verifier,
    { tool: 'crm', action: 'read' },
    () => Promise.reject(thrown),
    (error) => told.push(error),
  );
  const call = await serving(handler);
  expect((await call('/', bearer(scene.feed.credential()))).status).toBe(500);
  expect(told).toEqual([thrown]);
});
