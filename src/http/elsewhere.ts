// Requests that no route takes: another address, another method. On record as well: who tries doors leaves a trace.
import type { Express, Request, Response } from 'express';
import { Refusal } from '../domain/refusal.js';
import type { Access, Dialect } from './access.js';
import { ACCESS, dialectOf } from './access.js';
import { send } from './answer.js';
import { arrivalOf } from './arrival.js';
import type { Edge } from './call.js';
import { newEntry, settle } from './call.js';
import { NO_ROUTE } from './told.js';

/** Enough to see what was tried, too little for a token that somebody put into an address. */
const MOST_OF_PATH = 80;

/** To be called once every route is there. */
export function refuseElsewhere(app: Express, edge: Edge, publicPaths: readonly string[]): void {
  for (const [path, { methods, dialect }] of knownPaths(publicPaths)) {
    const allow = { allow: methods.join(', ') };
    app.all(path, (request, response) =>
      refuseRequest(edge, request, response, 'method_not_allowed', dialect, allow),
    );
  }
  app.use((request, response) => refuseRequest(edge, request, response, 'route_unknown', 'problem'));
}

export async function refuseRequest(
  edge: Edge,
  request: Request,
  response: Response,
  reason: Refusal['reason'],
  dialect: Dialect,
  headers: Readonly<Record<string, string>> = {},
): Promise<void> {
  const { method } = request;
  // There is none where express could not take the address apart.
  const path = (request.path as string | null) ?? request.url;
  const entry = newEntry('request', arrivalOf(request, edge.proxies));
  const refusal = new Refusal(reason, `${method} ${path.slice(0, MOST_OF_PATH)}`);
  const answer = await settle(edge, { entry, dialect, route: NO_ROUTE }, () => Promise.resolve(refusal));
  send(
    response,
    { ...answer, headers: { ...answer.headers, ...headers } },
    entry.requestId,
    edge.securityHeaders,
  );
}

interface KnownPath {
  readonly methods: string[];
  readonly dialect: Dialect;
}

function knownPaths(publicPaths: readonly string[]): Map<string, KnownPath> {
  const known = new Map<string, KnownPath>([['/token', { methods: ['POST'], dialect: 'oauth' }]]);
  for (const path of publicPaths) known.set(path, { methods: ['GET', 'HEAD'], dialect: 'problem' });
  for (const access of Object.values<Access>(ACCESS)) {
    const { path, method } = access;
    const methods = known.get(path)?.methods ?? [];
    methods.push(...(method === 'get' ? ['GET', 'HEAD'] : [method.toUpperCase()]));
    known.set(path, { methods, dialect: dialectOf(access) });
  }
  return known;
}
