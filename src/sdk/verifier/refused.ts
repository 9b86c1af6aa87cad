// Why a credential is not accepted: a code for the tool's owner, and an answer that tells its bearer no more than the RFCs have.
import { SIGNATURE_ALGORITHMS } from '../../jws/algorithms.js';

/** `unauthorized`: 401 without an error (RFC 6750 §3.1). The others are the OAuth error, or `unavailable`, 503. */
type Answer = 'unauthorized' | 'invalid_token' | 'invalid_dpop_proof' | 'insufficient_scope' | 'unavailable';

/** Every reason, and what the bearer is told. */
const ANSWERS = {
  /** Nothing was shown. */
  ERR_TOKEN_MISSING: 'unauthorized',
  /** No compact JWS, or claims that no credential has. */
  ERR_TOKEN_MALFORMED: 'invalid_token',
  /** A token of another type: a receipt, an id token. */
  ERR_TYPE: 'invalid_token',
  ERR_ISSUER: 'invalid_token',
  /** An algorithm that the named key is not for. */
  ERR_ALGORITHM: 'invalid_token',
  ERR_KEY_UNKNOWN: 'invalid_token',
  ERR_SIGNATURE: 'invalid_token',
  ERR_EXPIRED: 'invalid_token',
  ERR_NOT_YET_VALID: 'invalid_token',
  /** For another tool: its audience, its name, its plane. */
  ERR_AUDIENCE: 'invalid_token',
  ERR_TOOL: 'invalid_token',
  ERR_PLANE: 'invalid_token',
  /** The action is not in its scope. */
  ERR_ACTION: 'insufficient_scope',
  /** The action is, but not on this resource. */
  ERR_RESOURCE: 'insufficient_scope',
  /** It is bound to resources, and the call was verified without naming one. */
  ERR_RESOURCE_UNNAMED: 'insufficient_scope',
  /** It, its task, its agent, its tool, its key … was killed. */
  ERR_REVOKED: 'invalid_token',
  /** What is known of kills is too old to accept anything by. */
  ERR_STALE: 'unavailable',
  /** Good once, and used up or dead by now. */
  ERR_SINGLE_USE: 'invalid_token',
  /** It is bound to a key, and came without a proof of it. */
  ERR_PROOF_MISSING: 'invalid_dpop_proof',
  ERR_PROOF_INVALID: 'invalid_dpop_proof',
  ERR_PROOF_REPLAYED: 'invalid_dpop_proof',
  /** The broker was to be asked, and did not answer. */
  ERR_INTROSPECTION_UNAVAILABLE: 'unavailable',
} as const satisfies Readonly<Record<string, Answer>>;

export type CredentialRefusedCode = keyof typeof ANSWERS;

/** The same for every reason that leads to the same answer: which it was stays on this side. */
const MESSAGES: Readonly<Record<Answer, string>> = {
  unauthorized: 'a credential is needed',
  invalid_token: 'the credential is not accepted',
  invalid_dpop_proof: 'the proof of the key is not accepted',
  insufficient_scope: 'the credential does not permit this',
  unavailable: 'credentials cannot be checked at this moment',
};

const STATUS: Readonly<Record<Answer, 401 | 403 | 503>> = {
  unauthorized: 401,
  invalid_token: 401,
  invalid_dpop_proof: 401,
  insufficient_scope: 403,
  unavailable: 503,
};

export interface RefusedFacts {
  readonly action?: string;
  readonly resourceMetadata?: string;
  /** The credential was shown, or is bound, as DPoP. */
  readonly dpop?: boolean;
}

/** A credential that is not accepted. Thrown by `Verifier.verify`; whoever shows `code` to the bearer tells more than he should. */
export class CredentialRefused extends Error {
  readonly code: CredentialRefusedCode;
  /** What to answer: 401, 403, or 503 where it may be tried again. */
  readonly status: 401 | 403 | 503;
  /** `error` of RFC 6750 §3.1 or RFC 9449 §7.1; absent where nothing was shown, and with 503. */
  readonly error?: string;
  readonly #facts: RefusedFacts;

  constructor(code: CredentialRefusedCode, facts: RefusedFacts = {}, cause?: unknown) {
    const answer = ANSWERS[code];
    super(MESSAGES[answer], cause === undefined ? undefined : { cause });
    this.name = 'CredentialRefused';
    this.code = code;
    this.status = STATUS[answer];
    if (answer !== 'unauthorized' && answer !== 'unavailable') this.error = answer;
    this.#facts = facts;
  }

  /** The header `WWW-Authenticate` (RFC 6750 §3, RFC 9449 §7.1, RFC 9728 §5.1); absent with 503. */
  get wwwAuthenticate(): string | undefined {
    if (this.status === 503) return undefined;
    const { action, resourceMetadata, dpop } = this.#facts;
    const common = [
      ...(this.error === undefined ? [] : [`error="${this.error}"`]),
      ...(this.error === 'insufficient_scope' && action !== undefined ? [`scope=${quoted(action)}`] : []),
      ...(resourceMetadata === undefined ? [] : [`resource_metadata=${quoted(resourceMetadata)}`]),
    ];
    const proofs = [...common, `algs="${SIGNATURE_ALGORITHMS.join(' ')}"`];
    if (dpop || this.error === 'invalid_dpop_proof') return challenge('DPoP', proofs);
    const bearer = challenge('Bearer', common);
    return this.error === undefined ? `${bearer}, ${challenge('DPoP', proofs)}` : bearer;
  }
}

/** Without a stack: where credentials are refused by the thousand it would cost more than all that was found out about them. */
export function refusedFor(code: CredentialRefusedCode, facts?: RefusedFacts): CredentialRefused {
  const { stackTraceLimit } = Error;
  // Where it may not be set, as in a hardened realm, there is a stack.
  Reflect.set(Error, 'stackTraceLimit', 0);
  try {
    return new CredentialRefused(code, facts);
  } finally {
    Reflect.set(Error, 'stackTraceLimit', stackTraceLimit);
  }
}

const challenge = (scheme: string, parameters: readonly string[]): string =>
  [scheme, parameters.join(', ')].filter((part) => part !== '').join(' ');

/** What cannot stand in a quoted string (RFC 9110 §5.6.4) is left out: an action may come from the request. */
const quoted = (text: string): string => `"${text.replaceAll(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, '')}"`;
