// Signs and verifies with node:crypto, synchronously: 2 to 3 times as fast as through WebCrypto, on the path of every token.
import type { KeyObject, SignKeyObjectInput, VerifyKeyObjectInput } from 'node:crypto';
import { constants, sign, verify } from 'node:crypto';
import type { SignatureAlgorithm } from './algorithms.js';
import { ALGORITHM_FACTS } from './algorithms.js';

/** RFC 7518 §3.3. */
const LEAST_RSA_BITS = 2048;
/** With the exponent 1, a signature is its own message, and anybody can write it. */
const LEAST_RSA_EXPONENT = 3n;
/** Node's names of the curves in RFC 7518 §6.2.1.1. */
const CURVES: Readonly<Record<string, string>> = {
  'P-256': 'prime256v1',
  'P-384': 'secp384r1',
  'P-521': 'secp521r1',
};

/** Whether the key is of the algorithm's kind, on its curve, and strong enough. */
export function keyFits(algorithm: SignatureAlgorithm, key: KeyObject): boolean {
  const { kty, crv } = ALGORITHM_FACTS[algorithm];
  const details = key.asymmetricKeyDetails;
  switch (kty) {
    case 'EC':
      return key.asymmetricKeyType === 'ec' && details?.namedCurve === CURVES[crv!];
    case 'OKP':
      return key.asymmetricKeyType === 'ed25519';
    case 'RSA':
      return (
        key.asymmetricKeyType === 'rsa' &&
        (details?.modulusLength ?? 0) >= LEAST_RSA_BITS &&
        (details?.publicExponent ?? 0n) >= LEAST_RSA_EXPONENT
      );
  }
}

/** The signature as a JWS holds it: for ECDSA the two integers, not DER (RFC 7518 §3.4). */
export function signSync(algorithm: SignatureAlgorithm, key: KeyObject, signingInput: string): Buffer {
  return sign(ALGORITHM_FACTS[algorithm].digest, Buffer.from(signingInput), withOptions(algorithm, key));
}

/** False for anything that is not this very signature by this key; never throws for a signature's sake. */
export function verifySync(
  algorithm: SignatureAlgorithm,
  key: KeyObject,
  signingInput: string,
  signature: Uint8Array,
): boolean {
  const { digest, signatureBytes } = ALGORITHM_FACTS[algorithm];
  if (signatureBytes !== undefined && signature.length !== signatureBytes) return false;
  return verify(digest, Buffer.from(signingInput), withOptions(algorithm, key), signature);
}

function withOptions(
  algorithm: SignatureAlgorithm,
  key: KeyObject,
): SignKeyObjectInput & VerifyKeyObjectInput {
  const { kty, padding } = ALGORITHM_FACTS[algorithm];
  if (kty === 'EC') return { key, dsaEncoding: 'ieee-p1363' };
  if (padding === 'pss') {
    return { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
  }
  return { key };
}
