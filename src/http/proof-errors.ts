// Refusals of proofs on the wire (RFC 9449 §5, §7.1, §8, §9): 400 at /token, 401 with a DPoP challenge everywhere else.
import type { Refusal, RefusalReason } from '../domain/refusal.js';
import { DPOP_ALGORITHMS } from '../jws/dpop/proof.js';
import type { WireError } from './wire-error.js';
import { error } from './wire-error.js';

export type ProofReason = Extract<RefusalReason, `proof_${string}`>;

const refused = (say: string): WireError =>
  error(401, 'unauthenticated', 'invalid_dpop_proof', say, { tellsDetail: true });

const REFUSED = refused('The DPoP proof was not accepted.');
const CHALLENGE = error(
  401,
  'unauthenticated',
  'use_dpop_nonce',
  'Make the DPoP proof once more, with the nonce in the DPoP-Nonce header.',
);

export const PROOF_ERRORS: Readonly<Record<ProofReason, WireError>> = {
  proof_missing: refused('A DPoP proof is required.'),
  proof_malformed: REFUSED,
  proof_key_not_allowed: REFUSED,
  proof_signature_invalid: REFUSED,
  proof_mismatch: REFUSED,
  proof_out_of_time: REFUSED,
  proof_replayed: REFUSED,
  proof_key_mismatch: refused('The DPoP proof is by another key.'),
  proof_nonce_missing: CHALLENGE,
  proof_nonce_invalid: CHALLENGE,
};

export const isProofReason = (reason: RefusalReason): reason is ProofReason => reason.startsWith('proof_');

/** §7.1: a token that is not shown by its own key is itself what is wrong. */
const INVALID_TOKEN: ReadonlySet<ProofReason> = new Set(['proof_missing', 'proof_key_mismatch']);

/** Says which algorithms a proof may have, so that the next one can be right. */
const ALGORITHMS = `algs="${DPOP_ALGORITHMS.join(' ')}"`;

function proofChallenge(reason: ProofReason): string {
  const { oauth, say } = PROOF_ERRORS[reason];
  const code = INVALID_TOKEN.has(reason) ? 'invalid_token' : oauth;
  return `DPoP error="${code}", error_description="${say}", ${ALGORITHMS}`;
}

/**
 * WWW-Authenticate with a 401. RFC 6750 §3: no error code where no token was sent. RFC 9449 §7.2: both schemes, or a
 * token that came with a proof and has expired would seem to be wanted as a bearer's.
 */
export function challenge(refusal: Refusal | undefined): string {
  if (refusal && isProofReason(refusal.reason)) return proofChallenge(refusal.reason);
  const code = refusal?.reason === 'token_missing' ? '' : ', error="invalid_token"';
  return `Bearer realm="mayfly"${code}, DPoP ${ALGORITHMS}`;
}
