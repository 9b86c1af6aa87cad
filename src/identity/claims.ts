// What a workload token must say of itself to be good now, once its signature was found to be its issuer's.
import { Refusal } from '../domain/refusal.js';
import type { TrustedIssuer } from './trust.js';

const LONGEST_SUBJECT = 1024;
/** The year 9999: beyond it, a number is no time. */
const LAST_SECOND = 253_402_300_799;
// eslint-disable-next-line no-control-regex -- what must not reach a terminal or a log line
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

export interface CheckedClaims {
  readonly subject: string;
  /** Milliseconds, clock tolerance not included. */
  readonly expiresAt: number;
  readonly tokenId: string | undefined;
}

type Claims = Readonly<Record<string, unknown>>;

export function checkClaims(claims: Claims, trust: TrustedIssuer, now: number): CheckedClaims | Refusal {
  return (
    wrongType(claims) ??
    wrongAudience(claims, trust) ??
    wrongTime(claims, trust, now) ??
    checked(claims, trust)
  );
}

function wrongType(claims: Claims): Refusal | undefined {
  for (const name of ['sub', 'aud', 'exp', 'iat']) {
    if (claims[name] === undefined) return new Refusal('claim_missing', name);
  }
  const { sub, aud, jti } = claims;
  if (typeof sub !== 'string' || sub === '' || sub.length > LONGEST_SUBJECT || CONTROL.test(sub)) {
    return new Refusal('claim_mistyped', 'sub');
  }
  const audiences: unknown[] = Array.isArray(aud) ? aud : [aud];
  if (!audiences.every((one) => typeof one === 'string')) return new Refusal('claim_mistyped', 'aud');
  const time = ['exp', 'iat', 'nbf'].find((name) => claims[name] !== undefined && !isTime(claims[name]));
  if (time) return new Refusal('claim_mistyped', time);
  if (jti !== undefined && typeof jti !== 'string') return new Refusal('claim_mistyped', 'jti');
  return undefined;
}

const isTime = (value: unknown): boolean => typeof value === 'number' && value >= 0 && value <= LAST_SECOND;

function wrongAudience({ aud }: Claims, { audiences }: TrustedIssuer): Refusal | undefined {
  const meant = Array.isArray(aud) ? (aud as string[]) : [aud as string];
  return meant.some((audience) => audiences.includes(audience))
    ? undefined
    : new Refusal('audience_mismatch', `aud ${JSON.stringify(aud).slice(0, 200)}`);
}

function wrongTime(
  claims: Claims,
  { clockToleranceMs, maxTokenAgeMs }: TrustedIssuer,
  now: number,
): Refusal | undefined {
  const [exp, iat] = [Number(claims['exp']) * 1000, Number(claims['iat']) * 1000];
  const nbf = Number(claims['nbf'] ?? claims['iat']) * 1000;
  if (now >= exp + clockToleranceMs)
    return new Refusal('token_expired', `${Math.round((now - exp) / 1000)} s ago`);
  if (Math.max(iat, nbf) > now + clockToleranceMs)
    return new Refusal('token_not_yet_valid', 'nbf or iat is in the future');
  if (now > iat + maxTokenAgeMs + clockToleranceMs) {
    return new Refusal('token_too_old', `issued ${Math.round((now - iat) / 1000)} s ago`);
  }
  return undefined;
}

function checked(claims: Claims, { oneTime }: TrustedIssuer): CheckedClaims | Refusal {
  const tokenId = claims['jti'] as string | undefined;
  if (oneTime && !tokenId) return new Refusal('claim_missing', 'jti');
  return { subject: claims['sub'] as string, expiresAt: Number(claims['exp']) * 1000, tokenId };
}
