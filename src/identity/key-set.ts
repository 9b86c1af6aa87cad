// A JWKS made ready: the public keys in it that can verify, and the one that a token's header means.
import type { JsonWebKey, KeyObject } from 'node:crypto';
import { createPublicKey } from 'node:crypto';
import type { SignatureAlgorithm } from '../jws/algorithms.js';
import { keyFits } from '../jws/signature.js';

interface VerifyingKey {
  readonly kid: string | undefined;
  readonly algorithm: string | undefined;
  readonly key: KeyObject;
}

export class KeySet {
  readonly #keys: readonly VerifyingKey[];

  /** Passes over what cannot verify: symmetric and private keys, other uses, kinds that node:crypto does not know. */
  constructor(jwks: readonly unknown[]) {
    this.#keys = jwks.map(verifyingKey).filter((key) => key !== undefined);
  }

  /** The only key that fits; undefined where there is none, or more than one could be meant (RFC 8725 §3.10). */
  find(kid: string | undefined, algorithm: SignatureAlgorithm): KeyObject | undefined {
    const fitting = this.#keys.filter(
      (candidate) =>
        (kid === undefined || candidate.kid === kid) &&
        (candidate.algorithm === undefined || sameAlgorithm(candidate.algorithm, algorithm)) &&
        keyFits(algorithm, candidate.key),
    );
    return fitting.length === 1 ? fitting[0]!.key : undefined;
  }
}

function verifyingKey(jwk: unknown): VerifyingKey | undefined {
  if (typeof jwk !== 'object' || jwk === null) return undefined;
  const { kty, kid, alg, use, key_ops: operations, d, k, crv, x, y, n, e } = jwk as Record<string, unknown>;
  // A private key that everybody can read signs for everybody.
  if (d !== undefined || k !== undefined) return undefined;
  if (use !== undefined && use !== 'sig') return undefined;
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify')))
    return undefined;
  try {
    const key = createPublicKey({ key: { kty, crv, x, y, n, e } as JsonWebKey, format: 'jwk' });
    return { kid: textOf(kid), algorithm: textOf(alg), key };
  } catch {
    return undefined;
  }
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

/** RFC 9864: `EdDSA` is the older, wider name. */
export const sameAlgorithm = (a: string, b: string): boolean => newerName(a) === newerName(b);
const newerName = (algorithm: string): string => (algorithm === 'EdDSA' ? 'Ed25519' : algorithm);
