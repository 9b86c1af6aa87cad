// A decision in a line for people, and as programs get it.
import { showDuration } from '../../domain/duration.js';
import type { Decision } from '../../policy/policy.js';

type Decided = Omit<Decision, 'policyDigest' | 'input'>;

export interface ObligationsView {
  readonly max_ttl_ms?: number;
  readonly require_dpop?: true;
  readonly single_use?: true;
}

/** By the names that they have on record. */
export const obligationsOf = ({ maxTtlMs, requireDpop, singleUse }: Decided): ObligationsView => ({
  ...(maxTtlMs !== undefined && { max_ttl_ms: maxTtlMs }),
  ...(requireDpop && { require_dpop: true }),
  ...(singleUse && { single_use: true }),
});

export const obligationsText = ({
  max_ttl_ms: maxTtlMs,
  require_dpop: requireDpop,
  single_use: singleUse,
}: ObligationsView): string =>
  [
    ...(maxTtlMs === undefined ? [] : [`max_ttl ${showDuration(maxTtlMs)}`]),
    ...(requireDpop ? ['require_dpop'] : []),
    ...(singleUse ? ['single_use'] : []),
  ].join(', ') || 'none';

/** `deny by no-leak, told "…"` */
export function decisionText(decision: Decided): string {
  const { effect, determining, why, told } = decision;
  const obligations = Object.keys(obligationsOf(decision)).length > 0;
  return [
    `${effect}${determining.length > 0 ? ` by ${determining.join(', ')}` : ''}`,
    ...(obligations ? [`obligations ${obligationsText(obligationsOf(decision))}`] : []),
    ...(told === undefined ? [] : [`told ${JSON.stringify(told)}`]),
    ...(why === undefined ? [] : [why]),
  ].join('; ');
}

export const decisionView = (decision: Decided): object => {
  const { effect, determining, why, told } = decision;
  return {
    decision: effect,
    determining,
    obligations: obligationsOf(decision),
    ...(told !== undefined && { told }),
    ...(why !== undefined && { why }),
  };
};
