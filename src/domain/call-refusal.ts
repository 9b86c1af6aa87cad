// Why a verifier refuses a credential. Its own words: no reasons of the broker's, whose names may be alike.

export const CALL_REFUSALS = [
  'token_missing',
  'token_malformed',
  'type',
  'issuer',
  'algorithm',
  'key_unknown',
  'signature',
  'expired',
  'not_yet_valid',
  'audience',
  'tool',
  'plane',
  'action',
  'resource',
  'resource_unnamed',
  'revoked',
  'stale',
  'single_use',
  'proof_missing',
  'proof_invalid',
  'proof_replayed',
  'introspection_unavailable',
] as const;
export type CallRefusal = (typeof CALL_REFUSALS)[number];
