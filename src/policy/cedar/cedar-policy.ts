// The policy port by Cedar policies: what the catalogue has, and then what a policy permits and none forbids.
import type { Catalogue } from '../../domain/tool.js';
import { cataloguePolicy } from '../catalogue-policy.js';
import type { Decision, DecisionInput, Policy, PrincipalFacts } from '../policy.js';
import { withoutTokenClaims } from './claims.js';
import type { Outcome } from './decide.js';
import { decideRequest } from './decide.js';
import { strictest } from './obligations.js';
import type { PolicySet } from './policy-set.js';
import type { RecordedRequest } from './request.js';
import { requestOf } from './request.js';

export function cedarPolicy(set: PolicySet, catalogue: Catalogue, policyDigest: string): Policy {
  const offered = cataloguePolicy(catalogue, policyDigest);
  const toolNamed = catalogue.byName.bind(catalogue);
  return {
    contextual: true,
    decide(input: DecisionInput): Decision {
      const inCatalogue = offered.decide(input);
      if (inCatalogue.effect !== 'permit') return inCatalogue;
      const request = requestOf(input, toolNamed);
      return { ...told(decideRequest(set, request), request), policyDigest, input: request };
    },
    factsOf,
  };
}

/** A decision as it is told of: by name, with what it obliges to. */
export function told(
  { effect, determining, lacking, failed }: Outcome,
  request: RecordedRequest,
): Omit<Decision, 'policyDigest'> {
  const { approval, reasons, ...obligations } = strictest(determining);
  const why = [
    ...(lacking ? [`no policy permits ${lacking.tool}${elsewhere(lacking.task, request)}`] : []),
    ...failed.map(({ policy, why: error }) => `${policy.name} could not be evaluated: ${error}`),
  ].join('; ');
  const names = determining.map(({ name }) => name);
  const common = { determining: names, ...(why !== '' && { why }) };
  if (effect === 'deny')
    return { effect, ...common, ...(reasons.length > 0 && { told: reasons.join('; ') }) };
  const { maxTtlMs, requireDpop, singleUse } = obligations;
  return {
    effect: approval === undefined ? 'permit' : 'approval',
    ...common,
    ...(approval !== undefined && { told: approval }),
    ...(maxTtlMs !== undefined && { maxTtlMs }),
    ...(requireDpop && { requireDpop }),
    ...(singleUse && { singleUse }),
  };
}

const elsewhere = (task: string, { tasks }: RecordedRequest): string =>
  task === tasks[0]?.id ? '' : ` in ${task}, which is above it`;

const FACTS = new WeakMap<object, string>();

function factsOf({ name, trust, subject, claims }: PrincipalFacts): string {
  let facts = FACTS.get(claims);
  if (facts === undefined) {
    facts = JSON.stringify({ name, trust, subject, claims: withoutTokenClaims(claims) });
    FACTS.set(claims, facts);
  }
  return facts;
}
