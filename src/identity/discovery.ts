// Finds and fetches an issuer's keys: where the configuration says, or by OpenID Connect Discovery §4.
import { isLoopback } from '../domain/loopback.js';
import type { Fetch, Letter } from './document.js';
import { fetchDocument } from './document.js';

export interface IssuerPlace {
  readonly issuer: string;
  readonly jwksUri?: string;
}

/** The members of its JWKS's `keys`. @throws Error with what went wrong, for the record. */
export async function fetchKeys(
  fetch: Fetch,
  { issuer, jwksUri }: IssuerPlace,
  letter: Letter = {},
): Promise<readonly unknown[]> {
  const url = jwksUri ?? (await discoverJwksUri(fetch, issuer, letter));
  // Our own token is for whom the configuration names, and for nobody whom somebody else names.
  const { bearer: _, ...withoutToken } = letter;
  const ours = new URL(url).origin === new URL(jwksUri ?? issuer).origin;
  const { keys } = await fetchDocument(fetch, url, ours ? letter : withoutToken);
  if (!Array.isArray(keys)) throw new Error(`${url} has no keys`);
  return keys;
}

/** The document must name the very issuer that it was asked of (§4.3): one host may serve many. */
async function discoverJwksUri(fetch: Fetch, issuer: string, letter: Letter): Promise<string> {
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const { issuer: named, jwks_uri: jwksUri } = await fetchDocument(fetch, url, letter);
  if (named !== issuer) throw new Error(`${url} names another issuer`);
  if (typeof jwksUri !== 'string' || !URL.canParse(jwksUri)) throw new Error(`${url} names no jwks_uri`);
  // An issuer elsewhere has no keys on this machine: it would have us ask our own ports.
  if (isLoopback(new URL(jwksUri).hostname) && !isLoopback(new URL(issuer).hostname)) {
    throw new Error(`${url} names a jwks_uri on this machine`);
  }
  return jwksUri;
}
