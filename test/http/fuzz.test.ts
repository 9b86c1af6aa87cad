// Every route, fuzzed from its contract: no fault, no hang, no word of what is inside. The quick form: the long one has many more.
import { expect, test } from '@jest/globals';
import { anySeed, fuzz } from './fuzz/fuzz.js';

const RUNS = [
  { seed: 20261123, requests: 2000, getsEverywhere: true },
  { seed: anySeed(), requests: 1000, getsEverywhere: false },
];

test.each(RUNS)(
  'nothing that is sent is more than the broker can answer (seed $seed)',
  async (run) => {
    await expect(fuzz(run)).resolves.toBeUndefined();
  },
  240_000,
);
