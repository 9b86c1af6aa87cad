// Finds an issuer's keys by OpenID Connect Discovery §4: the document must name the very issuer it was asked of.
import { isLoopback } from '../domain/loopback.js';
import type { Fetch } from './document.js';
import { fetchDocument } from './document.js';

/** @throws Error where the document is not this issuer's, or would have us fetch keys in the clear. */
export async function discoverJwksUri(fetch: Fetch, issuer: string): Promise<string> {
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const document = await fetchDocument(fetch, url);
  if (document['issuer'] !== issuer) throw new Error(`${url} names another issuer`);
  const jwksUri = document['jwks_uri'];
  if (typeof jwksUri !== 'string' || !isSafe(jwksUri, issuer)) {
    throw new Error(`${url} names no jwks_uri that is https`);
  }
  return jwksUri;
}

/** https; plain http only from an issuer on this machine to this machine. */
function isSafe(jwksUri: string, issuer: string): boolean {
  if (!URL.canParse(jwksUri)) return false;
  const { protocol, hostname } = new URL(jwksUri);
  return (
    protocol === 'https:' ||
    (protocol === 'http:' && isLoopback(hostname) && isLoopback(new URL(issuer).hostname))
  );
}
