// Before handlers that take fetch's Request and give its Response.
import type { VerifiedCredential } from '../credential.js';
import { CredentialRefused } from '../refused.js';
import type { Verifier } from '../verifier.js';
import { refusalBody, RETRY_AFTER_SECONDS } from './refusal.js';
import { shownIn } from './shown.js';
import { checkWant, type WantOf, wantOf } from './want.js';

export type FetchHandler<Rest extends readonly unknown[]> = (
  request: Request,
  ...rest: Rest
) => Promise<Response>;

/**
 * Refuses, or calls the handler. What else it is called with is passed on. What the handler throws is thrown.
 *
 * @throws MayflyError `ERR_USAGE` for a tool that the verifier was not told of
 *
 * @example
 * export default { fetch: withCredential(verifier, { tool: 'crm', action: 'read' }, handler) };
 */
export function withCredential<Rest extends readonly unknown[]>(
  verifier: Verifier,
  want: WantOf<Request>,
  handler: (request: Request, credential: VerifiedCredential, ...rest: Rest) => Response | Promise<Response>,
): FetchHandler<Rest> {
  checkWant(verifier, want);
  return async (request, ...rest) => {
    let credential: VerifiedCredential;
    try {
      credential = await admit(verifier, want, request);
    } catch (error) {
      if (error instanceof CredentialRefused) return refusalResponse(error);
      throw error;
    }
    return handler(request, credential, ...rest);
  };
}

async function admit(
  verifier: Verifier,
  want: WantOf<Request>,
  request: Request,
): Promise<VerifiedCredential> {
  const wanted = await wantOf(want, request);
  const { pathname, search } = new URL(request.url);
  const headers = {
    authorization: listOf(request.headers.get('authorization'), /, (?=(?:Bearer|DPoP) )/i),
    proofs: listOf(request.headers.get('dpop'), /, */),
  };
  const shown = shownIn(headers, request.method, `${pathname}${search}`, verifier.tool(wanted.tool));
  return verifier.verify(shown.token, { ...wanted, request: shown.request });
}

/** Several of one name come joined. */
const listOf = (value: string | null, comma: RegExp): string[] => (value === null ? [] : value.split(comma));

/** What to answer, for whoever verifies without these handlers. */
export function refusalResponse(refused: CredentialRefused): Response {
  const { status, wwwAuthenticate } = refused;
  return new Response(refusalBody(refused), {
    status,
    headers: {
      'content-type': 'application/json',
      'cache-control': 'no-store',
      ...(wwwAuthenticate !== undefined && { 'www-authenticate': wwwAuthenticate }),
      ...(status === 503 && { 'retry-after': RETRY_AFTER_SECONDS }),
    },
  });
}
