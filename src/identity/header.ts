// What a workload token's header may say (RFC 8725 §3): who chose the key and the algorithm is us, not the token.
import { Refusal } from '../domain/refusal.js';
import type { SignatureAlgorithm } from '../jws/algorithms.js';
import { sameAlgorithm } from '../jws/algorithms.js';
import { quoted } from './quoted.js';

/** Names a key of the token's own choosing, or a way of reading that we do not know. */
const NOT_ALLOWED = ['crit', 'jku', 'x5u', 'jwk', 'x5c', 'b64', 'zip', 'enc'] as const;
/** RFC 9068 §2.1, and the plain JWT of before; another type is a token that was meant for something else. */
const TYPES: ReadonlySet<string> = new Set(['jwt', 'at+jwt', 'application/at+jwt', 'application/jwt']);

export interface CheckedHeader {
  readonly kid: string | undefined;
  readonly algorithm: SignatureAlgorithm;
}

/** Before the issuer is known: what no issuer's token may say. */
export function headerFlaw(header: Readonly<Record<string, unknown>>): Refusal | undefined {
  const named = NOT_ALLOWED.find((name) => Object.hasOwn(header, name));
  if (named) return new Refusal('header_not_allowed', named);
  const { typ, kid } = header;
  if (typ !== undefined && !(typeof typ === 'string' && TYPES.has(typ.toLowerCase()))) {
    return new Refusal('token_type_not_allowed', `typ ${quoted(typ)}`);
  }
  if (kid !== undefined && typeof kid !== 'string') return new Refusal('claim_mistyped', 'kid');
  return undefined;
}

/** The algorithm, if the issuer is trusted with it: a list per issuer, never what the token would like. */
export function allowedAlgorithm(
  header: Readonly<Record<string, unknown>>,
  allowed: readonly SignatureAlgorithm[],
): CheckedHeader | Refusal {
  const { alg, kid } = header;
  const algorithm = typeof alg === 'string' ? allowed.find((one) => sameAlgorithm(one, alg)) : undefined;
  if (!algorithm) return new Refusal('algorithm_not_allowed', `alg ${quoted(alg)}`);
  return { kid: kid as string | undefined, algorithm };
}
