// What a broker has on record of decisions, as far as they can be made again from it.
import { z } from 'zod';
import { PLANES, SENSITIVITIES } from '../../domain/tool.js';
import { told } from '../../policy/cedar/cedar-policy.js';
import { decideRequest } from '../../policy/cedar/decide.js';
import { ACTIONS } from '../../policy/cedar/actions.js';
import type { PolicySet } from '../../policy/cedar/policy-set.js';
import type { RecordedRequest } from '../../policy/cedar/request.js';
import type { Decision } from '../../policy/policy.js';
import type { AuditEventView } from '../../wire/audit.js';
import type { ObligationsView } from './decision-text.js';

const texts = z.array(z.string());

const recordedRequest = z.object({
  action: z.enum(ACTIONS),
  principal: z.object({
    type: z.enum(['Agent', 'Orchestrator']),
    id: z.string(),
    trust: z.string(),
    subject: z.string(),
    tags: z.record(z.string(), texts),
  }),
  tools: z.array(
    z.object({
      name: z.string(),
      plane: z.enum(PLANES),
      sensitivity: z.enum(SENSITIVITIES),
      audience: z.string(),
      actions: texts,
      resources: texts,
    }),
  ),
  ttl: z.number(),
  tasks: z.array(
    z.object({
      id: z.string(),
      purpose: z.string(),
      age: z.number(),
      parents: texts.optional(),
      orchestrator: z.string(),
      labels: texts.optional(),
    }),
  ),
  held: z.object({ tool: texts, data: texts, cloud: texts, tools: texts }).optional(),
  signals: texts.optional(),
  refusals: z.number().optional(),
  address: z.string().optional(),
  now: z.number(),
});

const recordedObligations = z.object({
  max_ttl_ms: z.number().exactOptional(),
  require_dpop: z.literal(true).exactOptional(),
  single_use: z.literal(true).exactOptional(),
});

export interface RecordedDecision {
  readonly event: AuditEventView;
  readonly request: RecordedRequest;
  readonly effect: Decision['effect'];
  readonly determining: readonly string[];
  /** Absent where what it obliged to is not on record. */
  readonly obligations?: ObligationsView;
}

/** Undefined for what was decided without policies; `unreadable` for what another version of the broker recorded. */
export function recordedDecision(event: AuditEventView): RecordedDecision | 'unreadable' | undefined {
  const { input, decision, determining, obligations = {} } = event.detail;
  if (input === undefined) return undefined;
  // Judged by a copy: of a record, zod leaves out a claim that is called like a prototype.
  if (!recordedRequest.safeParse(input).success) return 'unreadable';
  const known = recordedObligations.safeParse(obligations);
  const effect = EFFECTS.find((one) => one === decision);
  return {
    event,
    request: input as RecordedRequest,
    effect: effect ?? effectBy(event),
    determining: texts.safeParse(determining).data ?? [],
    ...(effect && known.success && { obligations: known.data }),
  };
}

const EFFECTS = ['permit', 'deny', 'approval'] as const;

/** What became of the request tells of the decision. A review that is on record ended its lease. */
function effectBy({ action, reason }: AuditEventView): Decision['effect'] {
  if (reason === 'approval_required') return 'approval';
  return reason === 'policy_denied' || action === 'lease.review' ? 'deny' : 'permit';
}

export const decidedAgain = (
  set: PolicySet,
  request: RecordedRequest,
): Omit<Decision, 'policyDigest' | 'input'> => told(decideRequest(set, request), request);
