// The express app: every route of the access table, the public ones, and an answer for whatever else comes.
import type { IncomingMessage } from 'node:http';
import express from 'express';
import type { NextFunction, Request, Response } from 'express';
import helmet from 'helmet';
import { requestId } from '../domain/ids.js';
import { Refusal } from '../domain/refusal.js';
import type { Access, RouteName } from './access.js';
import { ACCESS } from './access.js';
import type { Answer } from './answer.js';
import { send } from './answer.js';
import type { Call, Edge, Respond } from './call.js';
import { answerCall } from './call.js';
import { faultAnswer, refusalAnswer } from './errors.js';
import { readBody, readForm } from './form.js';
import { healthAnswer, readinessAnswer } from './health.js';
import { leaseRoutes } from './leases.js';
import { jwksAnswer, metadataAnswer, oauthRoutes } from './oauth.js';
import { operationRoutes } from './operations.js';
import { taskRoutes } from './tasks.js';

export function createApp(edge: Edge): express.Express {
  const { broker } = edge;
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', readQuery);
  app.use(helmet());

  const responders: Record<RouteName, Respond> = {
    ...oauthRoutes(broker),
    ...taskRoutes(broker),
    ...leaseRoutes(broker),
    ...operationRoutes(broker),
  };
  for (const [name, access] of Object.entries(ACCESS) as [RouteName, Access][]) {
    app[access.method](access.path, async (request, response) => {
      const read = () => readCall(access, request, edge.bodyLimitBytes);
      const { answer, requestId: id } = await answerCall(edge, access, request, read, responders[name]);
      send(response, closing(request, answer), id);
    });
  }
  const publish = (path: string, answer: () => Answer | Promise<Answer>): void =>
    void app.get(path, async (_request, response) => send(response, await answer(), requestId()));
  publish('/.well-known/oauth-authorization-server', () => metadataAnswer(broker));
  publish('/.well-known/openid-configuration', () => metadataAnswer(broker));
  publish('/jwks', () => jwksAnswer(broker));
  publish('/healthz', healthAnswer);
  publish('/readyz', () => readinessAnswer(edge));

  const methods = methodsByPath();
  for (const [path, allowed] of methods) {
    app.all(path, (_request, response) =>
      refuse(response, 'method_not_allowed', { allow: allowed.join(', ') }),
    );
  }
  app.use((_request, response) => refuse(response, 'route_unknown'));
  app.use((error: unknown, _request: Request, response: Response, _next: NextFunction) => {
    const id = requestId();
    // A path that express cannot decode is the caller's mistake; the rest is ours.
    if (error instanceof URIError) return refuse(response, 'route_unknown');
    edge.log.error({ err: error, request_id: id }, 'a request failed at the edge');
    return send(response, faultAnswer(id, 'problem'), id);
  });
  return app;
}

/** Each parameter once: repeated ones become a list, which no schema of ours takes. */
function readQuery(text: string | null): Record<string, unknown> {
  const query: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const [name, value] of new URLSearchParams(text ?? ''))
    query[name] = name in query ? [query[name], value] : value;
  return query;
}

async function readCall(
  access: Access,
  request: Request,
  limitBytes: number,
): Promise<Pick<Call, 'params' | 'query' | 'body'> | Refusal> {
  const body = access.body === 'none' ? undefined : await readers[access.body](request, limitBytes);
  if (body instanceof Refusal) return body;
  const params = Object.fromEntries(
    Object.entries(request.params).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join('/') : value,
    ]),
  );
  return { params, query: { ...request.query }, body };
}

const readers = { json: readJson, form: readForm };

async function readJson(request: IncomingMessage, limitBytes: number): Promise<unknown> {
  const bytes = await readBody(request, limitBytes);
  if (bytes instanceof Refusal || bytes.length === 0) return bytes instanceof Refusal ? bytes : undefined;
  if (!/^application\/json\s*(?:;|$)/i.test(request.headers['content-type'] ?? '')) {
    return new Refusal('media_type_unsupported', 'Send application/json.');
  }
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    return new Refusal('body_not_readable', `It is not JSON: ${error instanceof Error ? error.message : ''}`);
  }
}

/** An answer before the whole body was read leaves the rest on the wire: the connection cannot be used again. */
export const closing = (request: IncomingMessage, answer: Answer): Answer =>
  request.complete ? answer : { ...answer, headers: { ...answer.headers, connection: 'close' } };

function refuse(response: Response, reason: Refusal['reason'], headers: Record<string, string> = {}): void {
  const id = requestId();
  const answer = refusalAnswer(new Refusal(reason), id, 'problem');
  send(response, { ...answer, headers: { ...answer.headers, ...headers } }, id);
}

function methodsByPath(): Map<string, string[]> {
  const methods = new Map<string, string[]>([
    ['/token', ['POST']],
    ['/jwks', ['GET']],
    ['/healthz', ['GET']],
    ['/readyz', ['GET']],
  ]);
  for (const { path, method } of Object.values(ACCESS)) {
    methods.set(path, [...(methods.get(path) ?? []), method.toUpperCase()]);
  }
  return methods;
}
