// Workloads of a SPIFFE trust domain: their name is the SPIFFE ID itself, whoever of our trusts vouches for it.
import type { PrincipalName } from '../../domain/ids.js';
import { Refusal } from '../../domain/refusal.js';
import type { SpiffeId } from '../../domain/spiffe-id.js';
import { parseSpiffeId } from '../../domain/spiffe-id.js';
import { quoted } from '../../jws/quoted.js';
import type { SpiffeTrust } from '../trust.js';
import type { Claims, Workload } from './workload.js';

/** Whether somebody means it for a SPIFFE ID, good or not. */
export const looksLikeSpiffeId = (subject: unknown): subject is string =>
  typeof subject === 'string' && /^spiffe:/i.test(subject);

/** A workload's: an ID without a path is that of the trust domain itself (SPIFFE-ID §2), which is no workload. */
export function workloadSpiffeId(subject: string): SpiffeId | Refusal {
  const id = parseSpiffeId(subject);
  return id && id.path !== ''
    ? id
    : new Refusal('claim_mistyped', `sub ${quoted(subject)} is no SPIFFE ID of a workload`);
}

/** The trust was chosen by the trust domain of this very subject. Here it is seen that it was. */
export function spiffeWorkload(trust: SpiffeTrust, subject: string, claims: Claims): Workload | Refusal {
  const id = workloadSpiffeId(subject);
  if (id instanceof Refusal) return id;
  if (id.trustDomain !== trust.trustDomain) {
    return new Refusal('claims_disagree', `sub ${quoted(subject)} is not of ${trust.trustDomain}`);
  }
  return {
    name: subject as PrincipalName,
    facts: { ...claims, spiffe_id: subject, path: id.path },
    instances: {},
  };
}
