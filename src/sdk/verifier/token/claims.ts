// The claims of a credential, read without mercy: what a broker never writes is not a broker's.
import { AUTHORIZATION_DETAIL_TYPE, type AuthorizationDetail } from '../../../domain/grant.js';
import { isLeaseId, isTaskId, leaseTime, type PrincipalName } from '../../../domain/ids.js';
import type { Selectable } from '../../../domain/revocation.js';
import type { VerifiedCredential } from '../credential.js';
import type { CredentialRefusedCode } from '../refused.js';

export interface ReadClaims {
  readonly credential: VerifiedCredential;
  readonly audience: string;
  /** Milliseconds. */
  readonly notBefore: number;
  /** What kills look at. */
  readonly selectable: Omit<Selectable, 'keyId'>;
}

type Claims = Readonly<Record<string, unknown>>;

const MOST_ACTORS = 16;

export function readClaims(claims: Claims, issuer: string): ReadClaims | CredentialRefusedCode {
  const { iss, sub, aud, exp, nbf, iat, jti, scope, task_id: taskId, tool, plane } = claims;
  if (iss !== issuer) return 'ERR_ISSUER';
  if (!isText(sub) || !isText(aud) || !isText(tool) || !isText(plane) || typeof scope !== 'string')
    return 'ERR_TOKEN_MALFORMED';
  if (!isSecond(exp) || !isSecond(nbf) || !isSecond(iat)) return 'ERR_TOKEN_MALFORMED';
  if (!isText(jti) || !isLeaseId(jti) || !isText(taskId) || !isTaskId(taskId)) return 'ERR_TOKEN_MALFORMED';
  const trust = trustOf(sub, claims['trust']);
  const actors = actorsIn(claims['act']);
  const details = detailsIn(claims['authorization_details']);
  const jkt = keyIn(claims['cnf']);
  if (trust === undefined || !actors || details === null || jkt === null) return 'ERR_TOKEN_MALFORMED';
  return {
    // It is handed to many calls: what one of them wrote into it would be believed by the next.
    credential: Object.freeze({
      sub,
      leaseId: jti,
      taskId,
      tool,
      plane,
      actions: Object.freeze(scope.split(' ').filter((action) => action !== '')),
      ...(details && { details }),
      expiresAt: exp * 1000,
      ...(jkt !== undefined && { jkt }),
      confirmedBy: 'feed',
      claims: frozen(claims),
    }),
    audience: aud,
    notBefore: nbf * 1000,
    selectable: {
      id: jti,
      taskId,
      agent: sub as PrincipalName,
      actors,
      tool,
      trust,
      issuedAt: leaseTime(jti),
    },
  };
}

/** Trust names hold no slash; a SPIFFE ID has none in front, so there the broker names it. */
function trustOf(sub: string, trust: unknown): string | undefined {
  if (sub.startsWith('spiffe://')) return isText(trust) ? trust : undefined;
  const slash = sub.indexOf('/');
  return slash > 0 ? sub.slice(0, slash) : undefined;
}

/** RFC 8693 §4.1: each on behalf of the next. */
function actorsIn(act: unknown): PrincipalName[] | undefined {
  const actors: PrincipalName[] = [];
  for (let at = act; at !== undefined; at = (at as Claims)['act']) {
    if (typeof at !== 'object' || at === null || actors.length === MOST_ACTORS) return undefined;
    const { sub } = at as Claims;
    if (!isText(sub)) return undefined;
    actors.push(sub as PrincipalName);
  }
  return actors;
}

/** Null for details of a kind that we do not know: they bound something, and we could not say what. */
function detailsIn(details: unknown): readonly AuthorizationDetail[] | undefined | null {
  if (details === undefined) return undefined;
  return Array.isArray(details) && details.every(isDetail) ? details : null;
}

function isDetail(detail: unknown): detail is AuthorizationDetail {
  const { type, actions, resources, ...more } = (detail ?? {}) as Claims;
  return (
    type === AUTHORIZATION_DETAIL_TYPE &&
    isTexts(actions) &&
    isTexts(resources) &&
    Object.keys(more).length === 0
  );
}

/** Null where it is bound to something by which we could not recognise its bearer. */
function keyIn(cnf: unknown): string | undefined | null {
  if (cnf === undefined) return undefined;
  const { jkt, ...more } = (cnf ?? {}) as Claims;
  return isText(jkt) && Object.keys(more).length === 0 ? jkt : null;
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((one) => typeof one === 'string');
const isSecond = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;

function frozen<T extends object>(value: T): T {
  for (const name in value) {
    const member = value[name];
    if (typeof member === 'object' && member !== null) frozen(member);
  }
  return Object.freeze(value);
}
