// JWK thumbprints (RFC 7638): one name for one public key, whatever else is said of it.
import type { JsonWebKey } from 'node:crypto';
import { sha256 } from '../domain/digest.js';

/** SHA-256 over the required members alone, in the order of their names (§3.2; for OKP, RFC 8037 §2). */
export function thumbprint({ crv, e, kty, n, x, y }: JsonWebKey): string {
  // An undefined member is no member: what is left of the order of letters is that of each kind of key.
  return sha256(JSON.stringify({ crv, e, kty, n, x, y }));
}
