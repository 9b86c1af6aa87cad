// All about the signature algorithms that we know: one table. Symmetric ones and `none` are not in it, so cannot be meant.

export const SIGNATURE_ALGORITHMS = [
  'ES256',
  'ES384',
  'ES512',
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'Ed25519',
  'EdDSA',
] as const;
export type SignatureAlgorithm = (typeof SIGNATURE_ALGORITHMS)[number];

export interface AlgorithmFacts {
  readonly kty: 'EC' | 'RSA' | 'OKP';
  readonly crv?: string;
  /** Digest name for node:crypto; null where the algorithm has its own (RFC 8032). */
  readonly digest: string | null;
  /** Exact length of a signature where the algorithm fixes it. */
  readonly signatureBytes?: number;
  readonly padding?: 'pkcs1' | 'pss';
}

/** RFC 7518 §3.1; RFC 9864 (`Ed25519`; `EdDSA` is its older name, accepted for Ed25519 keys only). */
export const ALGORITHM_FACTS: Readonly<Record<SignatureAlgorithm, AlgorithmFacts>> = {
  ES256: { kty: 'EC', crv: 'P-256', digest: 'sha256', signatureBytes: 64 },
  ES384: { kty: 'EC', crv: 'P-384', digest: 'sha384', signatureBytes: 96 },
  ES512: { kty: 'EC', crv: 'P-521', digest: 'sha512', signatureBytes: 132 },
  RS256: { kty: 'RSA', digest: 'sha256', padding: 'pkcs1' },
  RS384: { kty: 'RSA', digest: 'sha384', padding: 'pkcs1' },
  RS512: { kty: 'RSA', digest: 'sha512', padding: 'pkcs1' },
  PS256: { kty: 'RSA', digest: 'sha256', padding: 'pss' },
  PS384: { kty: 'RSA', digest: 'sha384', padding: 'pss' },
  PS512: { kty: 'RSA', digest: 'sha512', padding: 'pss' },
  Ed25519: { kty: 'OKP', crv: 'Ed25519', digest: null, signatureBytes: 64 },
  EdDSA: { kty: 'OKP', crv: 'Ed25519', digest: null, signatureBytes: 64 },
};

/** RFC 9864 §2.2: `EdDSA` is the older, wider name of what is Ed25519 here. */
export const sameAlgorithm = (one: string, other: string): boolean => newerName(one) === newerName(other);
const newerName = (algorithm: string): string => (algorithm === 'EdDSA' ? 'Ed25519' : algorithm);
