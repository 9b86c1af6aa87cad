// A JWKS made ready: the public keys in it that can verify, and the one that a token's header means.
import type { JsonWebKey, KeyObject } from 'node:crypto';
import { createPublicKey } from 'node:crypto';
import type { SignatureAlgorithm } from './algorithms.js';
import { sameAlgorithm, SIGNATURE_ALGORITHMS } from './algorithms.js';
import { keyFits } from './signature.js';

interface VerifyingKey {
  readonly kid: string | undefined;
  readonly key: KeyObject;
  /** What it may verify: by its kind and strength, and by its `alg` where it has one. */
  readonly algorithms: readonly SignatureAlgorithm[];
}

/** What a JWK must say that it is for: RFC 7517 §4.2, where it may say nothing; JWT-SVID §6, where it must. */
export type KeyUse = 'sig' | 'jwt-svid';

export class KeySet {
  readonly #keys: readonly VerifyingKey[];

  /** Passes over what cannot verify: symmetric, private and weak keys, other uses, kinds that we do not know. */
  constructor(jwks: readonly unknown[], use: KeyUse = 'sig') {
    this.#keys = jwks.map((jwk) => verifyingKey(jwk, use)).filter((key) => key !== undefined);
  }

  /** The only key that fits; undefined where there is none, or more than one could be meant (RFC 8725 §3.10). */
  find(kid: string | undefined, algorithm: SignatureAlgorithm): KeyObject | undefined {
    const fitting = this.#keys.filter(
      (candidate) => (kid === undefined || candidate.kid === kid) && candidate.algorithms.includes(algorithm),
    );
    return fitting.length === 1 ? fitting[0]!.key : undefined;
  }

  has(key: KeyObject): boolean {
    return this.#keys.some((candidate) => candidate.key === key);
  }
}

function verifyingKey(jwk: unknown, wanted: KeyUse): VerifyingKey | undefined {
  if (typeof jwk !== 'object' || jwk === null) return undefined;
  const { kty, kid, alg, use, key_ops: operations, d, k, crv, x, y, n, e } = jwk as Record<string, unknown>;
  // A private key that everybody can read signs for everybody.
  if (d !== undefined || k !== undefined) return undefined;
  if (use !== wanted && !(use === undefined && wanted === 'sig')) return undefined;
  // JWT-SVID §6.1: there each has a name.
  if (kid === undefined && wanted === 'jwt-svid') return undefined;
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify')))
    return undefined;
  if (!isTextOrAbsent(kid) || !isTextOrAbsent(alg)) return undefined;
  try {
    const key = createPublicKey({ key: { kty, crv, x, y, n, e } as JsonWebKey, format: 'jwk' });
    const algorithms = SIGNATURE_ALGORITHMS.filter(
      (one) => (alg === undefined || sameAlgorithm(alg, one)) && keyFits(one, key),
    );
    return algorithms.length > 0 ? { kid, key, algorithms } : undefined;
  } catch {
    return undefined;
  }
}

const isTextOrAbsent = (value: unknown): value is string | undefined =>
  value === undefined || typeof value === 'string';
