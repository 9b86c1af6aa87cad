// What each refusal means, and what to do about it: for the operator who reads the record, never for the caller.
import type { RefusalReason } from '../../domain/refusal.js';

export interface Advice {
  readonly means: string;
  readonly todo: string;
}

const advice = (means: string, todo: string): Advice => ({ means, todo });

const FORGED =
  'If nobody has changed keys lately, somebody may be trying tokens: look at where it came from.';
const FIX_CALLER = 'Correct the call; the answer to the caller named the flaws.';

/** Exhaustive: a new reason does not compile before somebody has written what to do about it. */
export const ADVICE: Readonly<Record<RefusalReason, Advice>> = {
  token_missing: advice('no workload token came with it', 'Send one: Authorization: Bearer <token>.'),
  token_malformed: advice(
    'what came is not a compact JWT',
    'See that the caller sends the token itself: no file name, no quotes, no line break.',
  ),
  token_too_large: advice('the token is larger than any we take', 'Have the issuer put fewer claims in it.'),
  token_encrypted: advice(
    'the token is encrypted (JWE)',
    'Have the issuer sign its tokens and not encrypt them.',
  ),
  token_type_not_allowed: advice(
    'the typ of the token says that it is for something else',
    'Use a token that the issuer made to identify a workload: an access or ID token.',
  ),
  header_not_allowed: advice(
    'the header of the token brings its own key, or parameters that we must not pass over',
    FORGED,
  ),
  algorithm_not_allowed: advice(
    'it is signed with an algorithm that its trust does not name',
    'Add the algorithm under algorithms of that trust, if its issuer really signs so.',
  ),
  issuer_unknown: advice(
    'nobody here trusts the issuer of the token',
    'Compare its iss with issuer under trust, to the last slash; add a trust if there is none.',
  ),
  issuer_unavailable: advice(
    'the keys of the issuer could not be had',
    'See that the broker reaches jwks_uri or the discovery of the issuer, or give jwks_file.',
  ),
  trust_changed: advice(
    'the configuration of trust was changed while the body of the request came',
    'Send it once more: it is judged by what holds now.',
  ),
  key_unknown: advice('the issuer publishes no key of that id', FORGED),
  signature_invalid: advice('the signature does not fit the token', FORGED),
  audience_mismatch: advice(
    'the token is meant for somebody else',
    'Have the issuer put the audience in it that its trust names here.',
  ),
  token_expired: advice(
    'the token has expired',
    'Fetch a fresh one before the call; see that the clocks are right.',
  ),
  token_not_yet_valid: advice(
    'the token is not valid yet',
    'See that the clocks of the issuer and the broker agree.',
  ),
  token_too_old: advice(
    'the token was issued longer ago than max_token_age of its trust',
    'Fetch a fresh one, or raise max_token_age if that is how this issuer works.',
  ),
  claim_missing: advice(
    'the token lacks a claim that it must have',
    'Have the issuer add it; the detail names it.',
  ),
  claim_mistyped: advice(
    'a claim of the token has the wrong type',
    'Have the issuer correct it; the detail names it.',
  ),
  claims_disagree: advice(
    'claims of the token contradict each other, or are of an older kind that is not accepted',
    'Its issuer would not write that: see where it comes from. The detail names the claims.',
  ),
  no_rule_matches: advice(
    'the token is good, and no rule of its trust matches it',
    'Compare the detail, which says what the token is, with the roles of that trust.',
  ),
  token_replayed: advice(
    'the token was used before, and its trust allows each token once',
    'Fetch a fresh token for every request. If the caller did that, its token was stolen: revoke the agent.',
  ),
  own_credential: advice(
    'a credential that Mayfly issued was shown as a workload token',
    'Use the token of the platform. Credentials open tools and nothing here.',
  ),
  role_missing: advice(
    'the caller is known, but has none of the roles that this takes',
    'Compare its claims with the roles of its trust, if it should have one.',
  ),

  proof_missing: advice(
    'a proof of a key (DPoP) is asked for here, and none came',
    'Have the agent send a DPoP header, and Authorization: DPoP with a token that is bound (mayfly: --dpop-key): docs/dpop.md. If it does not know of any key, its token or lease was stolen.',
  ),
  proof_malformed: advice(
    'the DPoP header holds no one proof in the form of RFC 9449',
    'Correct how the agent makes proofs; the detail says what is wrong.',
  ),
  proof_key_not_allowed: advice(
    'the key in the proof is none that may be used: symmetric, private, weak, or of another kind than the algorithm',
    'Have the agent make an EC key on P-256, and put its public members in the proof.',
  ),
  proof_signature_invalid: advice('the proof is not signed by the key that it names', FORGED),
  proof_mismatch: advice(
    'the proof is for another request, or another token',
    'Compare its htm, htu and ath with the call; htu begins with issuer of the configuration, whatever a proxy is called.',
  ),
  proof_out_of_time: advice(
    'the proof was made too long ago, or in the future',
    'See that the clocks agree, and have the agent make a proof for each request; or raise dpop.proof_max_age.',
  ),
  proof_replayed: advice(
    'the proof was used before',
    'Have the agent make a proof for each request. If it did, somebody else showed it: see where both came from.',
  ),
  proof_key_mismatch: advice(
    'the proof is by another key than the token or the lease is bound to',
    'Have the agent keep the key for as long as the lease. If it did, its token was stolen: revoke the agent.',
  ),
  proof_nonce_missing: advice(
    'the proof had no nonce, and dpop.nonces asks for one',
    'Nothing, where the agent comes back with the nonce that it was given: every conversation begins so.',
  ),
  proof_nonce_invalid: advice(
    'the nonce in the proof is not ours, is too old, or was given to another key',
    'Nothing, where the agent comes back with the nonce that it was given. Otherwise see that all brokers have the same seal key.',
  ),

  task_unknown: advice('there is no such task', 'Compare the id; open the task first.'),
  task_not_yours: advice(
    'the task is that of another orchestrator',
    'Let the orchestrator that opened it do this, or an operator where that is allowed.',
  ),
  task_id_not_allowed: advice(
    'the role of the orchestrator does not reach this id',
    'Choose an id that matches tasks of its role, or widen that.',
  ),
  task_closed: advice(
    'the task had ended',
    'Open a new one. Ended tasks do not come back, and that is the point.',
  ),
  task_not_settled: advice(
    'the task was not over: open, or a credential of it was still being killed at its target',
    'Complete the task; `mayfly task complete --wait 30s` waits for its targets.',
  ),
  task_ending: advice(
    'the task was so near its deadline that not a second was left',
    'Extend the task, or open the next one with a longer ttl.',
  ),
  task_conflict: advice(
    'a task of this id was opened before, with another body or by another orchestrator',
    'Choose another id. To repeat an opening, repeat it unchanged.',
  ),
  task_ttl_exceeded: advice(
    'it would last longer than tasks.max_ttl',
    'Ask for less, or raise tasks.max_ttl.',
  ),
  deadline_not_later: advice(
    'the new deadline is not after the present one',
    'Name a later one; nothing shortens a task but its end.',
  ),
  parent_unknown: advice(
    'there is no such parent task, or it is that of another orchestrator',
    'Open the parent first, as the same orchestrator.',
  ),
  exceeds_parent: advice(
    'the manifest asks for more than that of its parent holds',
    'Ask for less; the detail says what is too much. Authority only narrows.',
  ),

  request_malformed: advice('the request is not well formed', FIX_CALLER),
  grant_type_unsupported: advice('the token endpoint knows token exchange only', FIX_CALLER),
  token_kind_unsupported: advice('it asked for a kind of token that is not made here', FIX_CALLER),
  target_missing: advice('it named no tool', 'Name one: audience with its name, or resource with its URI.'),
  target_unknown: advice(
    'there is no such tool, audience and resource name different ones, or a verifier spoke of a tool that is not its own',
    'Compare with `mayfly tool list`, and of a verifier with `tools` of its role in the configuration.',
  ),
  agent_not_in_manifest: advice(
    'the manifest of the task does not name this agent',
    'Open a task that does, if the agent belongs there. If not: why does it know the id?',
  ),
  tool_not_in_manifest: advice(
    'the manifest of the task does not hold this tool',
    'Open a task that does. A manifest never grows.',
  ),
  action_not_granted: advice(
    'the manifest of the task, or the catalogue, does not hold that action of the tool',
    'Ask for less, or open a task that holds it.',
  ),
  details_malformed: advice('the authorization_details are not well formed', FIX_CALLER),
  resource_not_granted: advice(
    'the manifest of the task does not reach that resource',
    'Ask for less, or open a task that reaches it.',
  ),
  instance_mismatch: advice(
    'the task binds the instance, and this was another one, or none that its token or proof tells of',
    'Let the instance go on that began; a new one needs a task of its own. If nobody restarted it, its token was stolen.',
  ),
  agent_quarantined: advice(
    'the agent is in quarantine',
    'Find out why (`mayfly quarantine list`); when that is settled: `mayfly quarantine lift <agent>`.',
  ),
  policy_denied: advice(
    'policy did not permit it',
    'The detail names the policies that forbid it; where it names none, none permits it. Ask `mayfly policy explain --request <this request>` what would have to change.',
  ),
  approval_required: advice(
    'policy permits it once somebody has approved it',
    'The detail names what asks for that. There is no way to approve yet: change the policy, or ask for less.',
  ),
  context_changed: advice(
    'what had come to pass in the task changed again and again while it was decided',
    'Try again. If it stays: something in the same tree is refused, or issued, hundreds of times a second.',
  ),
  key_revoked: advice(
    'the signing key had just been revoked, and the next one was not there yet',
    'Try again. If it stays: look at the log of the broker.',
  ),

  lease_unknown: advice(
    'there is no such lease',
    'Compare the id. Ended ones are forgotten after lease_retention.',
  ),
  lease_not_yours: advice('the lease is that of another agent', 'Let that agent do this, or an operator.'),
  lease_ended: advice('the lease had ended', 'See how: `mayfly why <lease>`. Ask for a new credential.'),
  lease_not_irrevocable: advice(
    'the lease is not irrevocable',
    'See how it stands: `mayfly lease show <lease>`. Of one that is revoking, the broker goes on trying by itself.',
  ),
  target_unavailable: advice(
    'the target of the tool failed again and again, or was as busy as it may be',
    'Try again. If it stays: look at the target, and at the log of the broker, which has the error.',
  ),
  not_renewable: advice(
    'leases of this tool cannot be renewed',
    'Ask for a new credential, or set renewable for the tool.',
  ),
  quarantine_unknown: advice(
    'that agent is not in quarantine',
    'Compare the name with `mayfly quarantine list`.',
  ),

  rate_limited: advice(
    'the principal or its address had sent more than the limits allow',
    'Find out what it repeats. If it is meant to be so busy, raise its limit under limits.',
  ),
  too_many_leases: advice(
    'as many leases as the task or the agent may have were alive',
    'Have it release what it is done with, or complete the task; else raise the limit under limits.',
  ),
  too_many_tasks: advice(
    'as many tasks of the orchestrator as it may have were open',
    'Complete those that are over (`mayfly task list --state open`), or raise the limit under limits.',
  ),
  too_many_children: advice(
    'as many tasks as a tree may have were open in it',
    'Complete those that are over, begin another root, or raise the limit under limits.',
  ),
  too_many_streams: advice(
    'as many streams of the revocation feed as there may be were being read',
    'Look at `mayfly verifier list`. If so many replicas are meant to be there, raise the limits under limits.',
  ),

  too_many_signals: advice(
    'as many types of signals as a tree may have had been reported in it',
    'Look at what reports them: types are few and fixed, and nothing of a single event belongs into them.',
  ),

  body_too_large: advice('the body is larger than http.body_limit', 'Send less, or raise the limit.'),
  body_not_readable: advice('the body could not be read', FIX_CALLER),
  media_type_unsupported: advice('the body is of a kind that is not understood there', FIX_CALLER),
  route_unknown: advice('there is nothing at this address', 'Compare the path, and the URL of the broker.'),
  method_not_allowed: advice('this method is not for this address', FIX_CALLER),
  store_unavailable: advice(
    'the store could not be used',
    'Look at /readyz and the log of the broker: a full disk, a lost connection. Callers may try again.',
  ),
  shutting_down: advice(
    'the broker was going down',
    'Try again: another broker, or this one when it is back.',
  ),
};

/** Undefined for a reason that only a newer broker knows. */
export const adviceFor = (reason: string): Advice | undefined =>
  Object.hasOwn(ADVICE, reason) ? ADVICE[reason as RefusalReason] : undefined;
