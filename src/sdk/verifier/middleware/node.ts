// Before handlers of node:http and of Express.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { inspect } from 'node:util';
import type { VerifiedCredential } from '../credential.js';
import { CredentialRefused } from '../refused.js';
import type { Verifier } from '../verifier.js';
import { refusalBody, RETRY_AFTER_SECONDS } from './refusal.js';
import { shownIn } from './shown.js';
import { checkWant, type WantOf, wantOf } from './want.js';

/** As Express and its kin take it. */
export type NodeMiddleware<Request extends IncomingMessage = IncomingMessage> = (
  request: Request,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void;

/** As `createServer` takes it. */
export type NodeHandler = (request: IncomingMessage, response: ServerResponse) => void;

const CREDENTIALS = new WeakMap<object, VerifiedCredential>();

/** The credential that `protect` let through. @throws Error where it did not: nobody checked anything */
export function credentialOf(request: object): VerifiedCredential {
  const credential = CREDENTIALS.get(request);
  if (!credential) throw new Error('no credential was verified for this request');
  return credential;
}

/**
 * For Express: refuses, or goes on, and `credentialOf(request)` tells whose call it is. A fault goes to `next`.
 *
 * @throws MayflyError `ERR_USAGE` for a tool that the verifier was not told of
 *
 * @example
 * app.get('/customers/:id', protect(verifier, { tool: 'crm', action: 'read' }), handler);
 */
export function protect<Request extends IncomingMessage>(
  verifier: Verifier,
  want: WantOf<Request>,
): NodeMiddleware<Request> {
  checkWant(verifier, want);
  const answer = async (
    request: Request,
    response: ServerResponse,
    next: (error?: unknown) => void,
  ): Promise<void> => {
    try {
      await admit(verifier, want, request);
    } catch (error) {
      return error instanceof CredentialRefused ? refuse(response, error) : next(error);
    }
    return next();
  };
  return (request, response, next) => void answer(request, response, next);
}

/**
 * For node:http. What the handler throws ends in 500, or in the connection where the answer had begun.
 *
 * @param onFault told of what was thrown, as Express tells it: on standard error
 * @throws MayflyError `ERR_USAGE` for a tool that the verifier was not told of
 *
 * @example
 * createServer(guard(verifier, { tool: 'crm', action: 'read' }, (request, response, { sub }) => response.end(sub)));
 */
export function guard(
  verifier: Verifier,
  want: WantOf<IncomingMessage>,
  handler: (request: IncomingMessage, response: ServerResponse, credential: VerifiedCredential) => unknown,
  onFault: (error: unknown) => void = written,
): NodeHandler {
  checkWant(verifier, want);
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    try {
      await handler(request, response, await admit(verifier, want, request));
    } catch (error) {
      if (error instanceof CredentialRefused && !response.headersSent) return refuse(response, error);
      onFault(error);
      if (response.headersSent) return void response.destroy(error as Error);
      response.writeHead(500).end();
    }
  };
  return (request, response) => void answer(request, response);
}

/** Answered with 500 and kept to itself, a mistake of the program would be found by nobody. */
const written = (error: unknown): void => void process.stderr.write(`${inspect(error)}\n`);

async function admit<Request extends IncomingMessage>(
  verifier: Verifier,
  want: WantOf<Request>,
  request: Request,
): Promise<VerifiedCredential> {
  const wanted = await wantOf(want, request);
  const { authorization = [], dpop: proofs = [] } = request.headersDistinct;
  // Express takes off `url` what a router stands at.
  const { originalUrl = request.url ?? '/' } = request as { originalUrl?: string };
  const shown = shownIn(
    { authorization, proofs },
    request.method ?? '',
    originalUrl,
    verifier.tool(wanted.tool),
  );
  const credential = await verifier.verify(shown.token, { ...wanted, request: shown.request });
  CREDENTIALS.set(request, credential);
  return credential;
}

function refuse(response: ServerResponse, refused: CredentialRefused): void {
  // Somebody has answered meanwhile, as what limits the time of calls does: a second head would be a fault that nobody catches.
  if (response.headersSent) return;
  const { status, wwwAuthenticate } = refused;
  response.statusCode = status;
  response.setHeader('content-type', 'application/json');
  response.setHeader('cache-control', 'no-store');
  if (wwwAuthenticate !== undefined) response.setHeader('www-authenticate', wwwAuthenticate);
  if (status === 503) response.setHeader('retry-after', RETRY_AFTER_SECONDS);
  response.end(refusalBody(refused));
}
