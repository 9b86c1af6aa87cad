// An expected "no": a value with a tagged reason for the record, from which the wire answer is derived.

/** Every reason for which a request may be refused. `http/errors.ts` maps each to the wire, exhaustively. */
export const REFUSAL_REASONS = [
  // the caller's token
  'token_missing',
  'token_malformed',
  'token_too_large',
  'token_encrypted',
  'token_type_not_allowed',
  'header_not_allowed',
  'algorithm_not_allowed',
  'issuer_unknown',
  'issuer_unavailable',
  'trust_changed',
  'key_unknown',
  'signature_invalid',
  'audience_mismatch',
  'token_expired',
  'token_not_yet_valid',
  'token_too_old',
  'claim_missing',
  'claim_mistyped',
  'claims_disagree',
  'no_rule_matches',
  'token_replayed',
  'own_credential',
  'role_missing',
  // the proof of a key that came with it (RFC 9449)
  'proof_missing',
  'proof_malformed',
  'proof_key_not_allowed',
  'proof_signature_invalid',
  'proof_mismatch',
  'proof_out_of_time',
  'proof_replayed',
  'proof_key_mismatch',
  'proof_nonce_missing',
  'proof_nonce_invalid',
  // tasks
  'task_unknown',
  'task_not_yours',
  'task_id_not_allowed',
  'task_closed',
  'task_ending',
  'task_conflict',
  'task_not_settled',
  'task_ttl_exceeded',
  'deadline_not_later',
  'parent_unknown',
  'exceeds_parent',
  'too_many_signals',
  // what is asked for
  'request_malformed',
  'grant_type_unsupported',
  'token_kind_unsupported',
  'target_missing',
  'target_unknown',
  'agent_not_in_manifest',
  'tool_not_in_manifest',
  'action_not_granted',
  'details_malformed',
  'resource_not_granted',
  'agent_quarantined',
  'instance_mismatch',
  'policy_denied',
  'approval_required',
  'context_changed',
  'key_revoked',
  // leases
  'lease_unknown',
  'lease_not_yours',
  'lease_ended',
  'lease_not_irrevocable',
  'not_renewable',
  'quarantine_unknown',
  'target_unavailable',
  // limits
  'rate_limited',
  'too_many_leases',
  'too_many_tasks',
  'too_many_children',
  'too_many_streams',
  // the request itself
  'body_too_large',
  'body_not_readable',
  'media_type_unsupported',
  'route_unknown',
  'method_not_allowed',
  'store_unavailable',
  'shutting_down',
] as const;
export type RefusalReason = (typeof REFUSAL_REASONS)[number];

/** One thing that is wrong with a request body, for an answer that names all of them. */
export interface Flaw {
  /** Where: `tools[0].actions`, or empty for the whole. */
  readonly at: string;
  readonly message: string;
}

/**
 * Said instead of a result. `detail` is for the record and the operator; whether any of it may be told
 * to the caller is decided in `http/errors.ts` alone.
 */
export class Refusal {
  readonly reason: RefusalReason;
  readonly detail: string | undefined;
  readonly flaws: readonly Flaw[];
  /** When asking again may have another answer, where that is known. */
  readonly retryAfterMs?: number;
  /** What whoever wrote the policies lets callers know. */
  readonly told?: string;

  constructor(
    reason: RefusalReason,
    detail?: string,
    flaws: readonly Flaw[] = [],
    more: { readonly retryAfterMs?: number; readonly told?: string } = {},
  ) {
    this.reason = reason;
    this.detail = detail;
    this.flaws = flaws;
    if (more.retryAfterMs !== undefined) this.retryAfterMs = more.retryAfterMs;
    if (more.told !== undefined) this.told = more.told;
  }
}
