// The express app: every route of the access table, the public ones, and an answer for whatever else comes.
import type { IncomingMessage, RequestListener } from 'node:http';
import express from 'express';
import type { NextFunction, Request, Response } from 'express';
import { requestId } from '../domain/ids.js';
import { Refusal } from '../domain/refusal.js';
import { parseStrictObject } from '../jws/strict-json.js';
import { noQuery } from '../wire/common.js';
import type { Access, PublicPath, RouteName } from './access.js';
import { ACCESS } from './access.js';
import type { Answer } from './answer.js';
import { send } from './answer.js';
import type { Asked, Edge, Respond } from './call.js';
import { answerCall } from './call.js';
import { awsRoutes } from './aws-credentials.js';
import { refuseElsewhere, refuseRequest } from './elsewhere.js';
import { faultAnswer } from './errors.js';
import { feedRoutes } from './feed.js';
import { readBody, readForm } from './form.js';
import { healthAnswer, metricsAnswer, readinessAnswer } from './health.js';
import { leaseRoutes } from './leases.js';
import { awsMetadataAnswer, jwksAnswer, metadataAnswer, oauthRoutes } from './oauth.js';
import { openApiAnswer } from './openapi/answer.js';
import { operationRoutes } from './operations.js';
import { parse } from './parse.js';
import { credentialRoutes } from './credentials.js';
import { receiptRoutes } from './receipts.js';
import { reconciliationRoutes } from './reconciliations.js';
import { aggregationAnswer, statusListAnswer } from './status-lists.js';
import { taskRoutes } from './tasks.js';
import { routeName } from './told.js';
import { answerExchange } from './token-endpoint.js';
import { toolCallRoutes } from './tool-calls.js';

/** What is open to everybody. `id`: the request's, for an answer that names it. */
type Published = (request: Request, id: string) => Answer | Promise<Answer>;

export function createApp(edge: Edge): RequestListener {
  const { broker, securityHeaders } = edge;
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  // One address, one spelling: what stands in front of us may compare them letter by letter.
  app.enable('case sensitive routing');
  app.enable('strict routing');
  app.set('query parser', readQuery);

  const responders: Record<RouteName, Respond> = {
    ...oauthRoutes(broker),
    ...taskRoutes(broker),
    ...leaseRoutes(broker),
    ...operationRoutes(broker),
    ...feedRoutes(edge),
    ...toolCallRoutes(broker),
    ...receiptRoutes(edge),
    ...reconciliationRoutes(edge),
    ...credentialRoutes(edge),
    ...awsRoutes(edge),
    readMetrics: () => metricsAnswer(edge),
  };
  for (const [name, access] of Object.entries(ACCESS) as [RouteName, Access][]) {
    app[access.method](access.path, async (request, response) => {
      const limitBytes = edge.bodyLimitBytes * (access.bodyTimes ?? 1);
      const read = () => readCall(access, request, limitBytes);
      const { answer, requestId: id } = await answerCall(edge, access, request, read, responders[name]);
      send(response, answer, id, securityHeaders);
    });
  }
  // The server answers the plain spelling before it comes here; this is for what else means the same.
  app.post('/token', (request, response) => void answerExchange(edge, request, response));
  const published: Record<PublicPath, Published> = {
    '/.well-known/oauth-authorization-server': () => metadataAnswer(broker),
    '/.well-known/openid-configuration': () => metadataAnswer(broker),
    '/jwks': () => jwksAnswer(broker.keys),
    '/jwks/feed': () => jwksAnswer(edge.feedKeys),
    '/jwks/receipts': () => jwksAnswer(edge.receiptKeys),
    '/aws/.well-known/openid-configuration': () => awsMetadataAnswer(broker.issuer, edge.awsKeys),
    '/aws/jwks': () => jwksAnswer(edge.awsKeys),
    '/status-lists': (_request, id) => aggregationAnswer(edge, id),
    '/status-lists/:id': (request, id) => statusListAnswer(edge, String(request.params['id']), request, id),
    '/healthz': healthAnswer,
    '/readyz': () => readinessAnswer(edge),
    '/openapi.json': openApiAnswer(broker.issuer),
  };
  const publish = async (path: string, answer: Published, request: Request, response: Response) => {
    const id = requestId();
    const made = await answer(request, id);
    edge.metrics.count('http_requests_total', routeName('get', path), String(made.status));
    send(response, made, id, securityHeaders);
  };
  for (const [path, answer] of Object.entries(published))
    app.get(path, (request, response) => publish(path, answer, request, response));

  refuseElsewhere(app, edge, Object.keys(published));
  app.use(async (error: unknown, request: Request, response: Response, _next: NextFunction) => {
    // A path that express cannot decode is the caller's mistake; the rest is ours.
    if (error instanceof URIError) return refuseRequest(edge, request, response, 'route_unknown', 'problem');
    const id = requestId();
    edge.log.error({ err: error, request_id: id }, 'a request failed at the edge');
    return send(response, faultAnswer(id, 'problem'), id, securityHeaders);
  });
  // What it cannot take apart as an address, such as one with a backslash, express hands to nobody, and answers by itself.
  return (request, response) =>
    app(request as Request, response as Response, (error?: unknown) => {
      if (error === undefined || error === null)
        return void refuseRequest(edge, request as Request, response as Response, 'route_unknown', 'problem');
      edge.log.error({ err: error }, 'an answer could not be written');
      response.destroy();
    });
}

/** Each parameter once: repeated ones become a list, which no schema of ours takes. */
function readQuery(text: string | null): Record<string, unknown> {
  const query: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const [name, value] of new URLSearchParams(text ?? ''))
    query[name] = name in query ? [query[name], value] : value;
  return query;
}

async function readCall(access: Access, request: Request, limitBytes: number): Promise<Asked | Refusal> {
  const query = { ...request.query };
  // OAuth endpoints ignore what they do not know (RFC 6749 §3.2).
  const unknown = access.query || access.body === 'form' ? {} : parse(noQuery, query);
  if (unknown instanceof Refusal) return unknown;
  const body = access.body === 'none' ? undefined : await readers[access.body](request, limitBytes);
  if (body instanceof Refusal) return body;
  const params = Object.fromEntries(
    Object.entries(request.params).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join('/') : value,
    ]),
  );
  const lastEventId = request.headers['last-event-id'];
  return { params, query, body, ...(typeof lastEventId === 'string' && { lastEventId }) };
}

const readers = { json: readJson, form: readForm };

async function readJson(request: IncomingMessage, limitBytes: number): Promise<unknown> {
  const bytes = await readBody(request, limitBytes);
  if (bytes instanceof Refusal || bytes.length === 0) return bytes instanceof Refusal ? bytes : undefined;
  if (!/^application\/json\s*(?:;|$)/i.test(request.headers['content-type'] ?? '')) {
    return new Refusal('media_type_unsupported', 'Send application/json.');
  }
  let body: unknown;
  try {
    body = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    return new Refusal('body_not_readable', `It is not JSON: ${error instanceof Error ? error.message : ''}`);
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return body;
  // Of two members of one name a proxy may have judged the one, and we would act on the other.
  const strict = parseStrictObject(bytes);
  return (
    strict ??
    new Refusal('body_not_readable', 'It says a member twice, is nested too deeply, or is not UTF-8.')
  );
}
