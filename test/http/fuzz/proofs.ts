// Proofs of a key (RFC 9449) for fuzzed requests: what differs from a good one, which the target makes when it sends.
import * as fc from 'fast-check';
import type { ProofParts } from '../../fixtures/prover.js';
import type { Operation } from '../contract-document.js';
import { oddValue } from './values.js';

export interface FuzzedProof extends Pick<ProofParts, 'header' | 'claims'> {
  /** Whether it comes with the token that is bound to its key, whoever else the caller would have been. */
  readonly isBound?: boolean;
}

const GOOD: FuzzedProof = {};

const oddKey = fc.constantFrom(
  {},
  { kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA' },
  { kty: 'EC', crv: 'P-256', x: 'A'.repeat(43), y: 'A'.repeat(43) },
  { kty: 'RSA', n: 'AQAB', e: 'AQAB' },
  { kty: 'OKP', crv: 'Ed25519', x: '' },
  { kty: 'oct', k: 'AA' },
);

const members = (names: readonly string[]): fc.Arbitrary<Record<string, unknown>> =>
  fc.dictionary(fc.constantFrom(...names), oddValue, { maxKeys: 2 });

const odd: fc.Arbitrary<FuzzedProof> = fc.record({
  header: fc.oneof(
    members(['typ', 'alg', 'jwk', 'kid', 'crit']),
    oddKey.map((jwk) => ({ jwk })),
  ),
  claims: members(['jti', 'htm', 'htu', 'iat', 'ath', 'nonce', 'exp']),
});

const anyProof = fc.oneof({ weight: 3, arbitrary: fc.constant(GOOD) }, { weight: 1, arbitrary: odd });

/** Where the contract has a header for it; and wherever somebody may call by a token that is bound to a key. */
export function proofOf({ parameters = [], security }: Operation): fc.Arbitrary<FuzzedProof | undefined> {
  const isTaken = parameters.some((parameter) => parameter.in === 'header' && parameter.name === 'DPoP');
  return fc.oneof(
    { weight: 8, arbitrary: fc.constant(undefined) },
    { weight: isTaken ? 4 : 0, arbitrary: anyProof },
    {
      weight: security.length > 0 ? 2 : 0,
      arbitrary: anyProof.map((proof) => ({ ...proof, isBound: true })),
    },
  );
}
