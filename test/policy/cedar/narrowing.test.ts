// No forbid that is accepted forbids less when more has come to pass, and no permit looks at it: on random policies that all try.
import { expect, test } from '@jest/globals';
import { compiled } from '../../../src/policy/cedar/compiled-policy.js';
import { scopesOf } from '../../../src/policy/cedar/decide.js';
import { wideningIn } from '../../../src/policy/cedar/narrowing.js';
import type { RecordedRequest } from '../../../src/policy/cedar/request.js';
import { oneOf, randomFrom, upTo } from '../../fixtures/random.js';
import { randomRequest } from './random-policies.js';
import { jsonOf } from './reference.js';

const random = randomFrom(Number(process.env['MAYFLY_SEED'] ?? 5));
const one = (...of: readonly string[]): string => oneOf(random, of);

const TEXTS = ['"anomaly"', '"x"', '"confidential"', '"crm"', 'context.plane'];

function setText(depth: number): string {
  if (depth <= 0 || upTo(random, 2) > 0)
    return one(
      'context.signals',
      'context.held.data',
      'context.held.tools',
      'context.labels',
      `[${one(...TEXTS)}]`,
    );
  const [yes, no] = [setText(depth - 1), setText(depth - 1)];
  return one(`(if ${truthText(depth - 1)} then ${yes} else ${no})`, `{ a: ${yes} }.a`);
}

function numberText(depth: number): string {
  if (depth <= 0 || upTo(random, 2) === 0)
    return one(
      'context.refusals',
      'context.refusals',
      '1',
      '3',
      'context.ttl',
      '9007199254740991',
      '-9007199254740991',
    );
  const [left, right] = [numberText(depth - 1), numberText(depth - 1)];
  return one(`(${left} + ${right})`, `(${left} - ${right})`, `(${left} * ${right})`, `-(${left})`);
}

function truthText(depth: number): string {
  if (depth <= 0)
    return one('true', '(context.plane == "data")', '(context has held.data)', '(context.ttl > 60)');
  const [a, b, c] = [truthText(depth - 1), truthText(depth - 1), truthText(depth - 1)];
  const [left, right] = [setText(depth - 1), setText(depth - 1)];
  return one(
    `(${a} ${one('&&', '||', '==')} ${b})`,
    `!(${a})`,
    `(if ${a} then ${b} else ${c})`,
    `(${numberText(depth)} ${one('<', '<=', '>', '>=', '==')} ${numberText(depth - 1)})`,
    `${left}.contains(${one(...TEXTS)})`,
    `${left}.${one('containsAll', 'containsAny')}(${right})`,
    `${left}.${one('containsAll', 'containsAny')}(${right})`,
    `!${left}.isEmpty()`,
    `(${left} == ${right})`,
  );
}

const more = (some: readonly string[], of: readonly string[]): string[] => [
  ...some,
  ...of.filter((text) => !some.includes(text) && upTo(random, 1) === 0),
];

function grown(request: RecordedRequest): RecordedRequest {
  const { signals = [], held, refusals = 0 } = request;
  return {
    ...request,
    signals: more(signals, ['anomaly', 'x', 'crm', 'confidential']),
    held: {
      ...held!,
      data: more(held!.data, ['confidential', 'restricted']),
      tools: more(held!.tools, ['crm', 'x']),
    },
    refusals: refusals + upTo(random, 5),
  };
}

test('on random policies, and pairs of requests of which one has more behind it', () => {
  let changed = 0;
  for (let nth = 0; nth < 1200; nth++) {
    const effect = one('forbid', 'forbid', 'permit');
    const text = `${effect} (principal, action, resource) ${one('when', 'unless')} { ${truthText(1 + upTo(random, 2))} };`;
    const json = jsonOf(text);
    if (wideningIn(json) !== undefined) continue;
    const policy = compiled({ name: 'p', place: { file: 'p' }, json, obligations: {} });
    // A forbid that cannot be evaluated forbids; a permit that cannot permits nothing.
    const counts = (request: RecordedRequest): boolean => {
      try {
        return policy.satisfied(scopesOf(request)[0]!.scope);
      } catch {
        return effect === 'forbid';
      }
    };
    for (let pair = 0; pair < 8; pair++) {
      const request = randomRequest(random);
      const larger = grown(request);
      const [before, after] = [counts(request), counts(larger)];
      if (before !== after) changed++;
      const widens = effect === 'forbid' ? before && !after : before !== after;
      if (widens) throw new Error(`${text} on ${JSON.stringify([request, larger])}`);
    }
  }
  expect(changed).toBeGreaterThan(30);
});
