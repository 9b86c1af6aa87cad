// Our evaluator decides as the reference does, on a hundred thousand random requests, twenty random policies for each.
import { expect, test } from '@jest/globals';
import { compare } from './differential.js';

const REQUESTS = 100_000;

test(`decides as the reference does, on ${REQUESTS} random requests`, () => {
  const seed = Number(process.env['MAYFLY_SEED'] ?? Date.now() % 1e9);
  const compared = compare(REQUESTS, seed);
  expect({ seed, differences: compared.differences.slice(0, 3) }).toEqual({ seed, differences: [] });
  expect(compared.requests).toBe(REQUESTS);
  expect(compared.errored).toBeGreaterThan(1000);
  expect(compared.givenUp).toBeLessThan(compared.evaluations / 50);
}, 1_200_000);
