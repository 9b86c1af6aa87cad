// Calls a tool with a credential that is bound to a key: `Authorization: DPoP`, and a proof with each request (RFC 9449 §7).
import { asksForNonce, type DpopProver, nonceIn } from './dpop.js';
import { type TokenSource, tokenFrom } from './token-source.js';

export interface BoundCredential {
  /** The key that the credential is bound to. */
  readonly dpop: DpopProver;
  /** The credential; a function or a file is asked at each call, as credentials are renewed. */
  readonly token: TokenSource;
  readonly fetch?: typeof fetch;
}

/**
 * A `fetch` for one credential and the tool that it is for. Where the tool asks for a nonce, the request is made once
 * more, unless its body is a stream, which can be sent only once. Redirects are not followed: they would carry the
 * credential to wherever they point.
 *
 * @throws MayflyError `ERR_TOKEN_SOURCE` where there is no credential
 *
 * @example
 * const crm = dpopFetch({ dpop, token: () => credential.access_token });
 * const customer = await crm('https://crm.example/customers/42');
 */
export function dpopFetch({
  dpop,
  token,
  fetch: fetched,
}: BoundCredential): (url: string | URL, init?: RequestInit) => Promise<Response> {
  const calls = new ProvenCalls(dpop, fetched);
  return (target, init = {}) => calls.send(new URL(target), init, token);
}

/** Requests with a proof each, by one key. */
export class ProvenCalls {
  readonly #dpop: DpopProver;
  readonly #fetch: typeof fetch;
  /** The last one of each origin. A credential is for one tool: there are few of them. */
  readonly #nonces = new Map<string, string>();

  constructor(dpop: DpopProver, fetched: typeof fetch = globalThis.fetch) {
    this.#dpop = dpop;
    this.#fetch = fetched;
  }

  async send(url: URL, init: RequestInit, token: TokenSource): Promise<Response> {
    const response = await this.#once(url, init, token);
    if (nonceIn(response) === undefined || !asksForNonce(response) || isStream(init.body)) return response;
    await response.body?.cancel();
    return this.#once(url, init, token);
  }

  async #once(url: URL, init: RequestInit, token: TokenSource): Promise<Response> {
    const accessToken = await tokenFrom(token);
    const method = methodOf(init);
    const nonce = this.#nonces.get(url.origin);
    const headers = new Headers(init.headers);
    headers.set('authorization', `DPoP ${accessToken}`);
    headers.set(
      'dpop',
      await this.#dpop.proof({ method, url, accessToken, ...(nonce !== undefined && { nonce }) }),
    );
    const fetched = this.#fetch;
    const response = await fetched(url, { ...init, method, headers, redirect: 'manual' });
    const next = nonceIn(response);
    if (next !== undefined) this.#nonces.set(url.origin, next);
    return response;
  }
}

/** As `fetch` spells it on the wire: a proof is for one spelling. */
function methodOf({ method = 'GET' }: RequestInit): string {
  const spelt = method.toUpperCase();
  return /^(?:DELETE|GET|HEAD|OPTIONS|POST|PUT)$/.test(spelt) ? spelt : method;
}

/** Can be sent only once. */
export const isStream = (body: RequestInit['body']): boolean =>
  body instanceof ReadableStream ||
  (typeof body === 'object' && body !== null && Symbol.asyncIterator in body);
