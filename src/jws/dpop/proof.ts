// A DPoP proof (RFC 9449 §4.3), read and checked without its signature: pure, and cheap enough for whoever may come.
import { sha256 } from '../../domain/digest.js';
import { Refusal } from '../../domain/refusal.js';
import type { SignatureAlgorithm } from '../algorithms.js';
import { SIGNATURE_ALGORITHMS } from '../algorithms.js';
import type { CompactToken } from '../compact.js';
import { parseCompact } from '../compact.js';
import { quoted } from '../quoted.js';
import type { ProofKey } from './proof-key.js';
import { readKey } from './proof-key.js';
import { normalTarget } from './target.js';

/** All of them asymmetric: a shared key proves nothing to whoever shares it (§11.6). */
export const DPOP_ALGORITHMS: readonly SignatureAlgorithm[] = SIGNATURE_ALGORITHMS;

const TYPE = 'dpop+jwt';
const MOST_PROOF_BYTES = 4096;
/** 96 bits of chance or a UUID v4 are enough (§4.2); the rest is room. Records of them are kept. */
const LONGEST_ID = 256;
const LONGEST_NONCE = 512;
/** A key from elsewhere, or a way of reading that we do not know. */
const NOT_ALLOWED = ['crit', 'jku', 'x5u', 'x5c', 'x5t', 'x5t#S256', 'b64', 'zip', 'enc'] as const;

/** What came with a request, and what it came with. */
export interface ShownProof {
  /** Every DPoP header of the request. */
  readonly headers: readonly string[];
  readonly method: string;
  /** The address of the request, by the URL that the broker is known by: never by the Host header. */
  readonly uri: string;
  /** The access token that it was shown with (§7). At the token endpoint there is none. */
  readonly token?: string;
}

export interface ProofTerms {
  readonly maxAgeMs: number;
  readonly clockToleranceMs: number;
}

/** Well formed, and for this request, if its signature is good. */
export interface ReadProof {
  readonly key: ProofKey;
  readonly signed: CompactToken;
  readonly id: string;
  readonly nonce?: string;
  /** The millisecond from which on it is refused. */
  readonly goodUntil: number;
}

const malformed = (detail: string): Refusal => new Refusal('proof_malformed', detail);
const untimely = (detail: string): Refusal => new Refusal('proof_out_of_time', detail);
const mismatch = (detail: string): Refusal => new Refusal('proof_mismatch', detail);

/** In the order of the checks of §4.3; its signature, its nonce and its first use are for `Proofs` to check. */
export function readProof(shown: ShownProof, terms: ProofTerms, now: number): ReadProof | Refusal {
  const [text, ...more] = shown.headers;
  if (text === undefined || more.length > 0) return malformed(`${shown.headers.length} DPoP headers`);
  const signed = parseCompact(text, MOST_PROOF_BYTES);
  if (signed instanceof Refusal) return malformed(`no compact JWS: ${signed.detail}`);
  const key = keyIn(signed.header);
  if (key instanceof Refusal) return key;
  const { payload } = signed;
  const { jti, nonce, iat } = payload;
  if (typeof jti !== 'string' || jti === '' || jti.length > LONGEST_ID)
    return malformed(`jti must be 1 to ${LONGEST_ID} characters`);
  if (nonce !== undefined && (typeof nonce !== 'string' || nonce.length > LONGEST_NONCE))
    return malformed('nonce');
  const flaw = forAnother(payload, shown) ?? outOfTime(payload, terms, now);
  if (flaw) return flaw;
  return {
    key,
    signed,
    id: jti,
    ...(nonce !== undefined && { nonce }),
    goodUntil: Math.ceil(Number(iat) * 1000) + terms.maxAgeMs + terms.clockToleranceMs,
  };
}

function keyIn(header: Readonly<Record<string, unknown>>): ProofKey | Refusal {
  const { typ, alg, jwk } = header;
  if (typ !== TYPE) return malformed(`typ ${quoted(typ)}, not ${TYPE}`);
  const named = NOT_ALLOWED.find((name) => Object.hasOwn(header, name));
  if (named) return malformed(`header ${named}`);
  const algorithm = DPOP_ALGORITHMS.find((one) => one === alg);
  if (!algorithm) return malformed(`alg ${quoted(alg)}`);
  return readKey(jwk, algorithm);
}

function forAnother(
  { htm, htu, ath }: Readonly<Record<string, unknown>>,
  { method, uri, token }: ShownProof,
): Refusal | undefined {
  if (htm !== method) return mismatch(`htm ${quoted(htm)}, not ${method}`);
  const target = typeof htu === 'string' ? normalTarget(htu) : undefined;
  if (target === undefined) return mismatch('htu is no absolute http address');
  if (target !== normalTarget(uri)) {
    // Neither is repeated: what stands in a path may be a token that somebody pasted (invariant 6).
    const { origin } = new URL(uri);
    const isHere = new URL(target).origin === origin;
    return mismatch(isHere ? 'htu has another path than the request' : `htu is not at ${origin}`);
  }
  if (token !== undefined && ath !== sha256(token)) return mismatch('ath is not of the token shown');
  return undefined;
}

/** §11.1. A proof that says itself when it ends is held to that, too (RFC 7519 §4.1). */
function outOfTime(
  { iat, exp, nbf }: Readonly<Record<string, unknown>>,
  { maxAgeMs, clockToleranceMs }: ProofTerms,
  now: number,
): Refusal | undefined {
  if ([iat, exp ?? 0, nbf ?? 0].some((time) => typeof time !== 'number')) return malformed('iat, exp or nbf');
  const ageMs = now - Number(iat) * 1000;
  if (!(ageMs < maxAgeMs + clockToleranceMs)) return untimely(`made ${Math.round(ageMs / 1000)} s ago`);
  const first = Math.max(Number(iat), Number(nbf ?? 0)) * 1000;
  if (first - now > clockToleranceMs) return untimely(`of ${Math.round((first - now) / 1000)} s ahead`);
  if (exp !== undefined && now >= Number(exp) * 1000 + clockToleranceMs) return untimely('past its exp');
  return undefined;
}
