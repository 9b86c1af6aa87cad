// Before handlers of node:http and Express, and of fetch's Request and Response.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { VerifiedCredential } from '../credential.js';
import type { Want } from '../options.js';
import type { Verifier } from '../verifier.js';

/** What a request wants, or a function that reads it off the request: `request` of it is filled in. */
export type WantOf<Request> =
  Omit<Want, 'request'> | ((request: Request) => Omit<Want, 'request'> | Promise<Omit<Want, 'request'>>);

/** As Express and its kin take it. */
export type NodeMiddleware<Request extends IncomingMessage = IncomingMessage> = (
  request: Request,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void;

export type NodeHandler = (request: IncomingMessage, response: ServerResponse) => void;

export type FetchGuard<Rest extends readonly unknown[]> = (
  request: Request,
  ...rest: Rest
) => Promise<Response>;

/** For Express: refuses, or goes on; `credentialOf(request)` tells whose call it is. */
export function protect<R extends IncomingMessage>(_verifier: Verifier, _want: WantOf<R>): NodeMiddleware<R> {
  throw new Error('not yet');
}

/** For node:http. */
export function guard(
  _verifier: Verifier,
  _want: WantOf<IncomingMessage>,
  _handler: (request: IncomingMessage, response: ServerResponse, credential: VerifiedCredential) => unknown,
): NodeHandler {
  throw new Error('not yet');
}

/** For handlers of fetch's kind. What else they are called with is passed on. */
export function withCredential<Rest extends readonly unknown[]>(
  _verifier: Verifier,
  _want: WantOf<Request>,
  _handler: (request: Request, credential: VerifiedCredential, ...rest: Rest) => Response | Promise<Response>,
): FetchGuard<Rest> {
  throw new Error('not yet');
}

/** The credential that `protect` let through. @throws Error where it did not */
export function credentialOf(_request: object): VerifiedCredential {
  throw new Error('not yet');
}
