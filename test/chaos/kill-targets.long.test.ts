// kill -9 at every step of a mint and of a kill, two hundred times at each target.
import { describe, test } from '@jest/globals';
import { hasPostgres } from '../fixtures/postgres.js';
import { hasRedis } from '../fixtures/redis/presence.js';
import { StandaloneRedis } from '../fixtures/redis/standalone.js';
import { ANSWERS_LOST, type Blow, UNDER_LOAD, paired } from './kill-targets/blow.js';
import { killAtTarget } from './kill-targets/campaign.js';
import { postgresTarget } from './kill-targets/postgres-target.js';
import { stepsOf, type Target } from './kill-targets/target.js';

const KILLS = 200;
const PER_ROUND = 29;
const LIMIT_MS = 1_200_000;

const pass = (target: Target, shift: number): Blow[] => [
  ...paired(stepsOf(target), shift),
  ...ANSWERS_LOST,
  UNDER_LOAD,
  UNDER_LOAD,
  UNDER_LOAD,
];

/** Whole passes over all steps, in each of which they meet others. */
function passes(target: Target): Blow[] {
  const all: Blow[] = [];
  for (let shift = 0; all.length < KILLS; shift += 5) all.push(...pass(target, shift));
  return all;
}

(hasPostgres ? describe : describe.skip)('kill -9 of the broker of a PostgreSQL', () => {
  test(
    `${KILLS} times and more: whatever it was doing, every login that is left has a live lease`,
    () => killAtTarget({ open: postgresTarget, blows: passes, perRound: PER_ROUND }),
    LIMIT_MS,
  );

  (hasRedis ? test : test.skip)(
    'once at each step, where Redis holds the leases',
    () =>
      killAtTarget({
        open: postgresTarget,
        blows: (target) => pass(target, 0),
        perRound: PER_ROUND,
        redis: () => StandaloneRedis.start(),
      }),
    LIMIT_MS,
  );
});
