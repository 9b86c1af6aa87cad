// Whether a decision is the one that a case expects: all that is other than it should be, each in a line.
import { canonicalJson } from '../../domain/digest.js';
import type { Decision } from '../../policy/policy.js';
import type { WrittenCase } from './case-schema.js';
import { type ObligationsView, obligationsOf, obligationsText } from './decision-text.js';

export function differencesIn(
  { expect, because, obligations, told }: WrittenCase,
  decision: Decision,
): readonly string[] {
  const differences: string[] = [];
  if (decision.effect !== expect) differences.push(`expected: ${expect}`);
  if (because && !sameMembers(because, decision.determining))
    differences.push(`expected: by ${because.length === 0 ? 'no policy' : because.join(', ')}`);
  const wanted = obligations && expect !== 'deny' && wantedObligations(obligations);
  if (wanted && canonicalJson(wanted) !== canonicalJson(obligationsOf(decision)))
    differences.push(`expected: obligations ${obligationsText(wanted)}`);
  if (told !== undefined && told !== decision.told)
    differences.push(`expected: told ${JSON.stringify(told)}`);
  return differences;
}

/** `require_dpop: false` says that there is none. */
const wantedObligations = (written: NonNullable<WrittenCase['obligations']>): ObligationsView => ({
  ...(written.max_ttl !== undefined && { max_ttl_ms: written.max_ttl }),
  ...(written.require_dpop && { require_dpop: true }),
  ...(written.single_use && { single_use: true }),
});

const sameMembers = (some: readonly string[], others: readonly string[]): boolean =>
  some.length === others.length && some.every((one) => others.includes(one));
