// From a refusal to the wire: one exhaustive table. Unknown, not yours and forbidden share one answer (invariant 8).
import type { Refusal, RefusalReason } from '../domain/refusal.js';
import type { OAuthError, Problem } from '../wire/common.js';
import type { Dialect } from './access.js';
import type { Answer } from './answer.js';
import { awsError } from './aws-errors.js';
import { challenge, isProofReason, PROOF_ERRORS } from './proof-errors.js';
import type { WireError } from './wire-error.js';
import { describable, error } from './wire-error.js';

/** The caller's own input is told what is wrong with it. */
const TELLS = { tellsDetail: true } as const;

const UNAUTHENTICATED = error(
  401,
  'unauthenticated',
  'invalid_request',
  'The token was not accepted. Send a valid workload token of a trusted issuer.',
);
const FORBIDDEN = error(403, 'forbidden', 'invalid_request', 'This identity may not do that.');
const NOT_FOUND = error(
  404,
  'not-found',
  'invalid_target',
  'There is no such thing here, or it is not yours.',
);
const NO_TARGET = error(
  404,
  'not-found',
  'invalid_target',
  'The task or the tool is unknown, or not available to this identity.',
);
const CLOSED = error(409, 'task-closed', 'invalid_target', 'The task is closed.');
const MALFORMED = error(400, 'malformed', 'invalid_request', 'The request is not well formed.', TELLS);
const UNAVAILABLE = error(
  503,
  'unavailable',
  'temporarily_unavailable',
  'Not available now. Try again shortly.',
  {
    oauthStatus: 503,
    retryAfterSeconds: 1,
  },
);

/** How long a caller is asked to wait where nobody knows how long it will take. */
const SOON_SECONDS = 1;
const LIMITED = { oauthStatus: 429, retryAfterSeconds: SOON_SECONDS } as const;
const TOO_MANY = error(
  429,
  'rate-limited',
  'temporarily_unavailable',
  'There are as many as there may be at a time. End some, or wait until some have ended.',
  LIMITED,
);

const WIRE: Readonly<Record<RefusalReason, WireError>> = {
  token_missing: error(
    401,
    'unauthenticated',
    'invalid_request',
    'Send a workload token: Authorization: Bearer <token>.',
  ),
  token_malformed: UNAUTHENTICATED,
  token_too_large: UNAUTHENTICATED,
  token_encrypted: UNAUTHENTICATED,
  token_type_not_allowed: UNAUTHENTICATED,
  header_not_allowed: UNAUTHENTICATED,
  algorithm_not_allowed: UNAUTHENTICATED,
  issuer_unknown: UNAUTHENTICATED,
  // Not the token's fault, and it passes: worth another try, which a 401 would not tell.
  issuer_unavailable: UNAVAILABLE,
  // Asked once more, and a kill is, it is judged by what holds now.
  trust_changed: UNAVAILABLE,
  key_unknown: UNAUTHENTICATED,
  signature_invalid: UNAUTHENTICATED,
  audience_mismatch: UNAUTHENTICATED,
  token_expired: UNAUTHENTICATED,
  token_not_yet_valid: UNAUTHENTICATED,
  token_too_old: UNAUTHENTICATED,
  claim_missing: UNAUTHENTICATED,
  claim_mistyped: UNAUTHENTICATED,
  claims_disagree: UNAUTHENTICATED,
  no_rule_matches: UNAUTHENTICATED,
  token_replayed: UNAUTHENTICATED,
  own_credential: UNAUTHENTICATED,
  role_missing: FORBIDDEN,
  ...PROOF_ERRORS,

  task_unknown: NO_TARGET,
  task_not_yours: NO_TARGET,
  agent_not_in_manifest: NO_TARGET,
  tool_not_in_manifest: NO_TARGET,
  target_unknown: NO_TARGET,
  agent_quarantined: NO_TARGET,
  instance_mismatch: NO_TARGET,
  policy_denied: error(403, 'forbidden', 'invalid_target', 'Policy does not permit this.'),
  approval_required: error(403, 'approval', 'access_denied', 'Somebody has to approve this first.'),
  // Others in the tree were faster, again and again: what it may have is decided anew.
  context_changed: UNAVAILABLE,
  task_id_not_allowed: FORBIDDEN,
  task_closed: CLOSED,
  task_ending: CLOSED,
  task_conflict: error(
    409,
    'conflict',
    'invalid_request',
    'A task with this id was opened with another body.',
  ),
  task_not_settled: error(
    409,
    'not-settled',
    'invalid_request',
    'The task is not over: open, or credentials of it are still being killed.',
    { retryAfterSeconds: SOON_SECONDS },
  ),
  task_ttl_exceeded: error(400, 'ttl-exceeded', 'invalid_request', 'A task may not last that long.', TELLS),
  deadline_not_later: error(
    400,
    'deadline-not-later',
    'invalid_request',
    'The deadline must be later than the present one.',
    TELLS,
  ),
  parent_unknown: error(
    404,
    'not-found',
    'invalid_target',
    'There is no such parent task, or it is not yours.',
  ),
  exceeds_parent: error(
    403,
    'exceeds-parent',
    'invalid_target',
    "A child's manifest must stay inside its parent's.",
    TELLS,
  ),

  request_malformed: MALFORMED,
  grant_type_unsupported: error(
    400,
    'malformed',
    'unsupported_grant_type',
    'Only token exchange is supported.',
    TELLS,
  ),
  token_kind_unsupported: MALFORMED,
  target_missing: error(
    400,
    'malformed',
    'invalid_request',
    'Name one tool, by audience (its name) or resource (its URI).',
  ),
  action_not_granted: error(
    403,
    'scope',
    'invalid_scope',
    'The task does not hold an action that was asked for.',
    TELLS,
  ),
  details_malformed: error(
    400,
    'malformed',
    'invalid_authorization_details',
    'The authorization details are not well formed.',
    TELLS,
  ),
  resource_not_granted: error(
    403,
    'scope',
    'invalid_authorization_details',
    'The task does not hold a resource that was asked for.',
    TELLS,
  ),
  key_revoked: UNAVAILABLE,

  lease_unknown: NOT_FOUND,
  lease_not_yours: NOT_FOUND,
  quarantine_unknown: NOT_FOUND,
  lease_not_irrevocable: error(409, 'not-irrevocable', 'invalid_request', 'The lease is not irrevocable.'),
  target_unavailable: UNAVAILABLE,
  lease_ended: error(409, 'lease-ended', 'invalid_target', 'The lease has ended.'),
  not_renewable: error(403, 'not-renewable', 'invalid_target', 'Leases of this tool cannot be renewed.'),

  rate_limited: error(
    429,
    'rate-limited',
    'temporarily_unavailable',
    'Too many requests. Wait before the next one.',
    LIMITED,
  ),
  too_many_leases: TOO_MANY,
  too_many_tasks: TOO_MANY,
  too_many_children: TOO_MANY,
  too_many_streams: TOO_MANY,
  // None of them ever ends: to wait, as 429 would have one do, is no use.
  too_many_signals: error(409, 'too-many-signals', 'invalid_request', 'No more types of signals are taken.'),

  body_too_large: error(413, 'too-large', 'invalid_request', 'The body is too large.', { oauthStatus: 413 }),
  body_not_readable: error(400, 'malformed', 'invalid_request', 'The body cannot be read.', TELLS),
  media_type_unsupported: error(
    415,
    'media-type',
    'invalid_request',
    'This kind of body is not understood here.',
    {
      oauthStatus: 415,
      tellsDetail: true,
    },
  ),
  route_unknown: error(404, 'not-found', 'invalid_request', 'There is nothing at this address.', {
    oauthStatus: 404,
  }),
  method_not_allowed: error(405, 'method', 'invalid_request', 'This method is not for this address.', {
    oauthStatus: 405,
  }),
  store_unavailable: UNAVAILABLE,
  shutting_down: UNAVAILABLE,
};

const FAULT = error(500, 'fault', 'server_error', 'Something went wrong on our side.', { oauthStatus: 500 });

/** The wire answer to a refusal. What is not ours to tell stays in the audit log, under the request id. */
export function refusalAnswer(refusal: Refusal, requestId: string, dialect: Dialect): Answer {
  return wireAnswer(WIRE[refusal.reason], requestId, dialect, refusal);
}

/** The wire answer to a fault of ours. */
export const faultAnswer = (requestId: string, dialect: Dialect): Answer =>
  wireAnswer(FAULT, requestId, dialect);

function wireAnswer(wire: WireError, requestId: string, dialect: Dialect, refusal?: Refusal): Answer {
  const detail = wire.tellsDetail ? refusal?.detail : refusal?.told;
  const headers: Record<string, string> = { 'cache-control': 'no-store' };
  const retryAfter =
    refusal?.retryAfterMs === undefined ? wire.retryAfterSeconds : Math.ceil(refusal.retryAfterMs / 1000);
  if (retryAfter !== undefined) headers['retry-after'] = String(Math.max(1, retryAfter));
  const said = describable(detail === undefined ? wire.say : `${wire.say} ${detail}`);
  if (dialect === 'oauth') {
    const body: OAuthError = { error: wire.oauth, error_description: said };
    return { status: wire.oauthStatus ?? 400, body, headers };
  }
  if (wire.status === 401) headers['www-authenticate'] = challenge(refusal);
  if (dialect === 'aws')
    return { status: wire.status, body: awsError(wire.status, said, requestId), headers };
  headers['content-type'] = 'application/problem+json';
  const flaws = wire.tellsDetail ? (refusal?.flaws ?? []) : [];
  const body: Problem = {
    type: `urn:mayfly:problem:${wire.type}`,
    title: wire.say,
    status: wire.status,
    ...(detail !== undefined && { detail }),
    request_id: requestId,
    ...(flaws.length > 0 && { flaws: [...flaws] }),
  };
  return { status: wire.status, body, headers };
}

/** The wire answer to what could not be read as a request at all. */
export const protocolAnswer = (status: number, requestId: string): Answer =>
  wireAnswer(PROTOCOL[status] ?? NO_REQUEST, requestId, 'problem');

const unread = (status: number, say: string, type = 'malformed', more: Partial<WireError> = {}): WireError =>
  error(status, type, 'invalid_request', say, more);

const NO_REQUEST = unread(400, 'This is no HTTP request.');
const PROTOCOL: Readonly<Record<number, WireError>> = {
  408: unread(408, 'The request did not arrive in time.', 'timeout'),
  413: unread(413, 'The body is too large.'),
  414: unread(414, 'The address is too long.'),
  429: unread(429, 'These are too many requests at once on one connection.', 'rate-limited', LIMITED),
  431: unread(431, 'The headers are too large.'),
};

/**
 * At an OAuth endpoint that asks for a caller: not known is 401, as at every other route (RFC 7662 §2.3); known but
 * without the role is 403. Undefined: as the table says.
 */
export function callerAnswer(refusal: Refusal): Answer | undefined {
  const { status, say, oauth } = WIRE[refusal.reason];
  if (status !== 401 && refusal.reason !== 'role_missing') return undefined;
  const known = status === 401 ? 'invalid_client' : 'unauthorized_client';
  const code = isProofReason(refusal.reason) ? oauth : known;
  const body: OAuthError = { error: code, error_description: say };
  const headers = {
    'cache-control': 'no-store',
    ...(status === 401 && { 'www-authenticate': challenge(refusal) }),
  };
  return { status, body, headers };
}
