// The policy port by Cedar policies: what the catalogue has, and then what a policy permits and none forbids.
import type { Catalogue } from '../../domain/tool.js';
import { cataloguePolicy } from '../catalogue-policy.js';
import type { Decision, DecisionInput, Policy, PrincipalFacts } from '../policy.js';
import { tagsOf } from './claims.js';
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
      const decision: Writable<Decision> = told(decideRequest(set, request), request, policyDigest);
      decision.input = request;
      return decision;
    },
    factsOf,
  };
}

/** A decision as it is told of: by name, with what it obliges to. The digest is for whoever records it. */
export function told(
  { effect, determining, lacking, failed }: Outcome,
  request: RecordedRequest,
  policyDigest = '',
): Decision {
  const { approval, reasons, maxTtlMs, requireDpop, singleUse } = strictest(determining);
  const names = determining.map(({ name }) => name);
  const why = lacking || failed.length > 0 ? { why: whyOf({ lacking, failed }, request) } : undefined;
  if (effect === 'deny')
    return {
      effect,
      policyDigest,
      determining: names,
      ...why,
      ...(reasons.length > 0 && { told: reasons.join('; ') }),
    };
  const decision: Writable<Decision> = { effect, policyDigest, determining: names };
  if (why) decision.why = why.why;
  if (approval !== undefined) {
    decision.effect = 'approval';
    decision.told = approval;
  }
  if (maxTtlMs !== undefined) decision.maxTtlMs = maxTtlMs;
  if (requireDpop) decision.requireDpop = requireDpop;
  if (singleUse) decision.singleUse = singleUse;
  return decision;
}

type Writable<T> = { -readonly [Member in keyof T]: T[Member] };

const whyOf = (
  { lacking, failed }: { readonly lacking: Outcome['lacking']; readonly failed: Outcome['failed'] },
  request: RecordedRequest,
): string =>
  [
    ...(lacking ? [`no policy permits ${lacking.tool}${elsewhere(lacking.task, request)}`] : []),
    ...failed.map(({ policy, why }) => `${policy.name} could not be evaluated: ${why}`),
  ].join('; ');

const elsewhere = (task: string, { tasks }: RecordedRequest): string =>
  task === tasks[0]?.id ? '' : ` in ${task}, which is above it`;

/** Claims as policies see them, since tags of tags are the same ones: what else a token says is not to be kept. */
const FACTS = new WeakMap<object, string>();

function factsOf({ name, trust, subject, claims }: PrincipalFacts): string {
  let facts = FACTS.get(claims);
  if (facts === undefined) {
    facts = JSON.stringify({ name, trust, subject, claims: tagsOf(claims) });
    FACTS.set(claims, facts);
  }
  return facts;
}
