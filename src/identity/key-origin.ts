// Where keys come from: an issuer's JWKS, or the bundle of a SPIFFE trust domain. One description, one way to read it.
import { SECOND_MS } from '../domain/duration.js';
import { fetchKeys, type IssuerPlace } from './discovery.js';
import type { Fetch } from './document.js';
import { fetchDocument } from './document.js';
import type { KeyUse } from '../jws/key-set.js';
import { documentIn, letterFrom } from './trust-files.js';
import type { BundlePlace, TrustedIssuer } from './trust.js';

export type KeyOrigin =
  | { readonly from: 'configuration'; readonly issuer: string; readonly keys: readonly unknown[] }
  | ({ readonly from: 'issuer'; readonly caFile?: string; readonly tokenFile?: string } & IssuerPlace)
  | ({ readonly from: 'bundle'; readonly issuer: string } & BundlePlace);

export interface KeysRead {
  readonly keys: readonly unknown[];
  /** How soon whoever publishes them would have us look again. */
  readonly refreshMs?: number;
}

export function originOf(trust: TrustedIssuer): KeyOrigin {
  const { issuer } = trust;
  if (trust.kind === 'spiffe') return { from: 'bundle', issuer, ...trust.bundle };
  const { jwks, jwksUri, caFile } = trust;
  if (jwks) return { from: 'configuration', issuer, keys: jwks.keys };
  const tokenFile = trust.kind === 'kubernetes' ? trust.tokenFile : undefined;
  return {
    from: 'issuer',
    issuer,
    ...(jwksUri !== undefined && { jwksUri }),
    ...(caFile !== undefined && { caFile }),
    ...(tokenFile !== undefined && { tokenFile }),
  };
}

/** In a bundle, keys for other kinds of identity stand beside those for tokens (JWT-SVID §6). */
export const useOf = (origin: KeyOrigin): KeyUse => (origin.from === 'bundle' ? 'jwt-svid' : 'sig');

/** @throws Error with what went wrong, for the record */
export async function readKeys(
  fetch: Fetch,
  origin: Exclude<KeyOrigin, { from: 'configuration' }>,
): Promise<KeysRead> {
  if (origin.from === 'issuer') return { keys: await fetchKeys(fetch, origin, await letterFrom(origin)) };
  if ('path' in origin) return bundleFrom(await documentIn(origin.path), origin.path);
  const { endpoint } = origin;
  return bundleFrom(await fetchDocument(fetch, endpoint, await letterFrom(origin)), endpoint);
}

/** SPIFFE Trust Domain and Bundle §4.1. An empty list is a bundle: of a trust domain that trusts nobody any more. */
function bundleFrom(bundle: Readonly<Record<string, unknown>>, place: string): KeysRead {
  const { keys, spiffe_refresh_hint: hint } = bundle;
  if (!Array.isArray(keys)) throw new Error(`${place} is no SPIFFE bundle: it has no keys`);
  const said = typeof hint === 'number' && Number.isInteger(hint) && hint > 0;
  return { keys, ...(said && { refreshMs: hint * SECOND_MS }) };
}
