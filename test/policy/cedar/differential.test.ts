// Our evaluator decides as the reference does: the quick form. 100,000 requests are in the long one.
import { expect, test } from '@jest/globals';
import { compare } from './differential.js';

test('decides as the reference does, on 1,000 random requests and twenty random policies for each', () => {
  const compared = compare(1000, Number(process.env['MAYFLY_SEED'] ?? 11));
  expect(compared.differences.slice(0, 3)).toEqual([]);
  expect(compared.satisfied).toBeGreaterThan(compared.evaluations / 20);
  expect(compared.errored).toBeGreaterThan(0);
  expect(compared.givenUp).toBeLessThan(compared.evaluations / 50);
}, 60_000);
