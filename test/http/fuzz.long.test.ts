// The fuzz of fuzz.test.ts, for minutes.
import { expect, test } from '@jest/globals';
import { anySeed, fuzz } from './fuzz/fuzz.js';

const seeds = Array.from({ length: 4 }, anySeed);

test.each(seeds)(
  'nothing that is sent is more than the broker can answer (seed %i)',
  async (seed) => {
    await expect(fuzz({ seed, requests: 25_000, getsEverywhere: true })).resolves.toBeUndefined();
  },
  1_200_000,
);
