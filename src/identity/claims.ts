// What a workload token must say of itself to be good now, once its signature was found to be its issuer's.
import { Refusal } from '../domain/refusal.js';
import { quoted } from '../jws/quoted.js';
import type { TrustedIssuer } from './trust.js';

/** OIDC Core §2 says 255; a Kubernetes service account may have 340 (its name alone 253). */
const LONGEST_SUBJECT = 1024;
/** SPIFFE-ID §2.3. */
const LONGEST_SPIFFE_ID = 2048;
/** The year 9999: beyond it, a number is no time. */
const LAST_SECOND = 253_402_300_799;
/** Ends a line, moves a cursor or turns text around: a name that shows as another one in a terminal or a log. */
const UNSHOWABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

export interface CheckedClaims {
  readonly subject: string;
  /** Milliseconds, clock tolerance not included. */
  readonly expiresAt: number;
  /** The millisecond from which on this token is refused, whatever the reason. */
  readonly goodUntil: number;
  /** There where the issuer's tokens are for one time. */
  readonly tokenId: string | undefined;
  /** `cnf.jkt`: the key that the token is confined to. */
  readonly confirmedKey: string | undefined;
}

type Claims = Readonly<Record<string, unknown>>;

export function checkClaims(claims: Claims, trust: TrustedIssuer, now: number): CheckedClaims | Refusal {
  return wrongType(claims, trust) ?? wrongAudience(claims, trust) ?? inTime(claims, trust, now);
}

/** JWT-SVID §3 asks for no `iat`. */
const SVID_REQUIRED = ['aud', 'exp', 'sub'];
const REQUIRED = [...SVID_REQUIRED, 'iat'];

function wrongType(claims: Claims, { kind }: TrustedIssuer): Refusal | undefined {
  const isSvid = kind === 'spiffe';
  for (const name of isSvid ? SVID_REQUIRED : REQUIRED) {
    if (claims[name] === undefined) return new Refusal('claim_missing', name);
  }
  const { sub, aud, jti, cnf } = claims;
  const audiences: unknown[] = Array.isArray(aud) ? aud : [aud];
  if (!audiences.every((one) => typeof one === 'string')) return new Refusal('claim_mistyped', 'aud');
  const time = ['exp', 'nbf', 'iat'].find((name) => claims[name] !== undefined && !isTime(claims[name]));
  if (time) return new Refusal('claim_mistyped', time);
  if (
    typeof sub !== 'string' ||
    sub === '' ||
    sub.length > (isSvid ? LONGEST_SPIFFE_ID : LONGEST_SUBJECT) ||
    UNSHOWABLE.test(sub)
  ) {
    return new Refusal('claim_mistyped', 'sub');
  }
  if (jti !== undefined && typeof jti !== 'string') return new Refusal('claim_mistyped', 'jti');
  // Confined in a way that we cannot check: to take it as a bearer token would undo that.
  if (cnf !== undefined && confirmedKeyOf(cnf) === undefined) return new Refusal('claim_mistyped', 'cnf');
  return undefined;
}

/** RFC 9449 §6.1: the SHA-256 thumbprint of a key. Alone (RFC 7800 §3.1): a certificate beside it would go unchecked. */
function confirmedKeyOf(cnf: unknown): string | undefined {
  if (typeof cnf !== 'object' || cnf === null || Object.keys(cnf).join() !== 'jkt') return undefined;
  const { jkt } = cnf as { jkt: unknown };
  return typeof jkt === 'string' && /^[\w-]{43}$/.test(jkt) ? jkt : undefined;
}

/** RFC 7519 §2, NumericDate: seconds, which may have a fraction. */
const isTime = (value: unknown): boolean => typeof value === 'number' && value >= 0 && value <= LAST_SECOND;
const toMs = (seconds: unknown): number => Math.floor(Number(seconds) * 1000);

function wrongAudience({ aud }: Claims, { audiences }: TrustedIssuer): Refusal | undefined {
  const meant = Array.isArray(aud) ? (aud as string[]) : [aud as string];
  return meant.some((audience) => audiences.includes(audience))
    ? undefined
    : new Refusal('audience_mismatch', `aud ${quoted(aud)}`);
}

function inTime(
  claims: Claims,
  { clockToleranceMs, maxTokenAgeMs, oneTime }: TrustedIssuer,
  now: number,
): CheckedClaims | Refusal {
  const exp = toMs(claims['exp']);
  // Of a token without an `iat` its end alone tells how long it was meant to live.
  const iat = claims['iat'] === undefined ? exp - maxTokenAgeMs : toMs(claims['iat']);
  const nbf = toMs(claims['nbf'] ?? 0);
  if (claims['iat'] === undefined && iat > now + clockToleranceMs) {
    return new Refusal('token_too_old', 'it has no iat, and an exp that is further ahead than max_token_age');
  }
  if (now >= exp + clockToleranceMs) {
    return new Refusal('token_expired', `${Math.round((now - exp) / 1000)} s ago`);
  }
  if (Math.max(iat, nbf) > now + clockToleranceMs) {
    return new Refusal('token_not_yet_valid', 'nbf or iat is in the future');
  }
  if (now >= iat + maxTokenAgeMs + clockToleranceMs) {
    return new Refusal('token_too_old', `issued ${Math.round((now - iat) / 1000)} s ago`);
  }
  const tokenId = claims['jti'] as string | undefined;
  if (oneTime && !tokenId) return new Refusal('claim_missing', 'jti');
  const goodUntil = Math.min(exp, iat + maxTokenAgeMs) + clockToleranceMs;
  const confirmedKey = confirmedKeyOf(claims['cnf']);
  return { subject: claims['sub'] as string, expiresAt: exp, goodUntil, tokenId, confirmedKey };
}
