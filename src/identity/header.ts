// What a workload token's header may say (RFC 8725 §3): who chose the key and the algorithm is us, not the token.
import { Refusal } from '../domain/refusal.js';
import type { SignatureAlgorithm } from '../jws/algorithms.js';
import { sameAlgorithm } from '../jws/algorithms.js';
import { quoted } from '../jws/quoted.js';
import type { TrustedIssuer } from './trust.js';

/** Names a key of the token's own choosing, or a way of reading that we do not know. */
const NOT_ALLOWED = ['crit', 'jku', 'x5u', 'jwk', 'x5c', 'b64', 'zip', 'enc'] as const;
/** Another type is a token that was meant for something else. */
const PLAIN = ['jwt', 'application/jwt'];
/** RFC 9068 §2.1, and the plain JWT of before; clusters and GitHub sign no access tokens. */
const TYPES = {
  oidc: new Set([...PLAIN, 'at+jwt', 'application/at+jwt']),
  kubernetes: new Set(PLAIN),
  github: new Set(PLAIN),
  // JWT-SVID §2.3, letter by letter.
  spiffe: new Set(['JWT', 'JOSE']),
} as const satisfies Record<TrustedIssuer['kind'], ReadonlySet<string>>;
/** JWT-SVID §2: no other member has a place in its header. */
const SVID_MEMBERS: ReadonlySet<string> = new Set(['alg', 'kid', 'typ']);

export interface CheckedHeader {
  readonly kid: string | undefined;
  readonly algorithm: SignatureAlgorithm;
}

/** Before the issuer is known: what no issuer's token may say. */
export function headerFlaw(header: Readonly<Record<string, unknown>>): Refusal | undefined {
  const named = NOT_ALLOWED.find((name) => Object.hasOwn(header, name));
  if (named) return new Refusal('header_not_allowed', named);
  const { kid } = header;
  if (kid !== undefined && typeof kid !== 'string') return new Refusal('claim_mistyped', 'kid');
  return undefined;
}

/** Once its issuer is known: what this kind of issuer never writes. */
export function foreignHeader(
  header: Readonly<Record<string, unknown>>,
  kind: TrustedIssuer['kind'],
): Refusal | undefined {
  const { typ } = header;
  if (typ !== undefined && !(typeof typ === 'string' && isTypeOf(kind, typ))) {
    return new Refusal('token_type_not_allowed', `typ ${quoted(typ)}`);
  }
  const other = kind === 'spiffe' && Object.keys(header).find((member) => !SVID_MEMBERS.has(member));
  return typeof other === 'string' ? new Refusal('header_not_allowed', quoted(other)) : undefined;
}

const isTypeOf = (kind: TrustedIssuer['kind'], typ: string): boolean =>
  (TYPES[kind] as ReadonlySet<string>).has(kind === 'spiffe' ? typ : typ.toLowerCase());

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
