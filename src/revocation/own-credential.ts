// Recognises a credential of ours: signature, type and issuer; whether it is alive is for the store to say.
import type { Broker } from '../broker.js';
import type { LeaseId } from '../domain/ids.js';
import { isLeaseId } from '../domain/ids.js';
import { Refusal } from '../domain/refusal.js';
import { parseCompact } from '../jws/compact.js';
import { verifySync } from '../jws/signature.js';
import type { CredentialClaims } from '../minters/jwt/jwt-minter.js';
import { ACCESS_TOKEN_TYPE, SINGLE_USE_TYPE } from '../minters/jwt/jwt-minter.js';

/** The claims of a token that one of our keys signed as a credential, or undefined for anything else. */
export function ownCredential(
  { keys, issuer }: Pick<Broker, 'keys' | 'issuer'>,
  token: string,
): (CredentialClaims & { readonly jti: LeaseId }) | undefined {
  const parsed = parseCompact(token);
  if (parsed instanceof Refusal) return undefined;
  const { header, payload, signingInput, signature } = parsed;
  const key = typeof header['kid'] === 'string' ? keys.byId(header['kid']) : undefined;
  if (!key || header['alg'] !== key.algorithm) return undefined;
  if (header['typ'] !== (payload['single_use'] === true ? SINGLE_USE_TYPE : ACCESS_TOKEN_TYPE))
    return undefined;
  if (!verifySync(key.algorithm, key.publicKey, signingInput, signature)) return undefined;
  const jti = payload['jti'];
  if (payload['iss'] !== issuer || typeof jti !== 'string' || !isLeaseId(jti)) return undefined;
  return payload as unknown as CredentialClaims & { readonly jti: LeaseId };
}
