// Asks the reference and our evaluator the same, again and again, and tells of every difference.
import { compiled } from '../../../src/policy/cedar/compiled-policy.js';
import type { CompiledPolicy } from '../../../src/policy/cedar/compiled-policy.js';
import { scopesOf } from '../../../src/policy/cedar/decide.js';
import { randomFrom } from '../../fixtures/random.js';
import { randomPolicy, randomRequest } from './random-policies.js';
import { ask, flawsIn, jsonOf } from './reference.js';

const POLICIES_IN_A_SET = 20;
const REQUESTS_OF_A_SET = 100;
/** What our evaluator gives up on, and the reference need not: see expression.ts. */
const BEYOND = /beyond 2\^53/;

export interface Compared {
  readonly requests: number;
  readonly evaluations: number;
  /** How often a policy was satisfied, failed, and was given up on by ours alone. */
  readonly satisfied: number;
  readonly errored: number;
  readonly givenUp: number;
  readonly differences: readonly string[];
}

export function compare(requests: number, seed: number): Compared {
  const random = randomFrom(seed);
  let [satisfied, errored, givenUp, evaluations] = [0, 0, 0, 0];
  const differences: string[] = [];
  for (let asked = 0; asked < requests; asked += REQUESTS_OF_A_SET) {
    const { texts, policies } = setOf(random);
    for (let nth = 0; nth < REQUESTS_OF_A_SET && asked + nth < requests; nth++) {
      const request = randomRequest(random);
      const theirs = ask(texts, request);
      const { scope } = scopesOf(request)[0]!;
      for (const policy of policies) {
        evaluations++;
        const expected = theirs.errored.includes(policy.name)
          ? 'error'
          : theirs.satisfied.includes(policy.name);
        const ours = evaluated(policy, scope);
        if (expected === true) satisfied++;
        if (expected === 'error') errored++;
        if (ours === 'beyond') givenUp++;
        else if (ours !== expected)
          differences.push(`${texts[policy.name]} on ${JSON.stringify(request)}: ${expected}, ours ${ours}`);
      }
    }
  }
  return { requests, evaluations, satisfied, errored, givenUp, differences };
}

function setOf(random: () => number): { texts: Record<string, string>; policies: CompiledPolicy[] } {
  const texts: Record<string, string> = {};
  const policies: CompiledPolicy[] = [];
  while (policies.length < POLICIES_IN_A_SET) {
    const text = randomPolicy(random);
    if (flawsIn(text).length > 0) continue;
    const name = `p${policies.length}`;
    texts[name] = text;
    policies.push(compiled({ name, place: { file: name }, json: jsonOf(text), obligations: {} }));
  }
  return { texts, policies };
}

/** Of one policy alone: whether it is about the action, and holds. */
function evaluated(
  { actions, satisfied }: CompiledPolicy,
  scope: Parameters<CompiledPolicy['satisfied']>[0],
): boolean | 'error' | 'beyond' {
  if (actions && !actions.includes(scope.action.id)) return false;
  try {
    return satisfied(scope);
  } catch (error) {
    return BEYOND.test((error as Error).message) ? 'beyond' : 'error';
  }
}
