// kill -9 at every step of a mint and of a kill, two hundred times at each target.
import { describe, test } from '@jest/globals';
import { hasCeph } from '../fixtures/ceph.js';
import { hasPostgres } from '../fixtures/postgres.js';
import { hasRedis } from '../fixtures/redis/presence.js';
import { StandaloneRedis } from '../fixtures/redis/standalone.js';
import { ANSWERS_LOST, type Blow, UNDER_LOAD, paired } from './kill-targets/blow.js';
import { killAtTarget } from './kill-targets/campaign.js';
import { postgresTarget } from './kill-targets/postgres-target.js';
import { stsTarget } from './kill-targets/sts-target.js';
import { stepsOf, type Target } from './kill-targets/target.js';

const KILLS = 200;
const PER_ROUND = 50;
const LIMIT_MS = 1_800_000;

const pass = (target: Target, shift = 0): Blow[] => [
  UNDER_LOAD,
  UNDER_LOAD,
  ...paired(stepsOf(target), shift),
  ...ANSWERS_LOST,
];

/** Whole passes over all steps, in each of which they meet others. */
function passes(target: Target): Blow[] {
  const all: Blow[] = [];
  for (let shift = 0; all.length < KILLS; shift += 5) all.push(...pass(target, shift));
  return all;
}

const names = `${KILLS} times and more, whatever it was doing: what can be used at the target has a live lease`;

(hasPostgres ? describe : describe.skip)('kill -9 of the broker of a PostgreSQL', () => {
  test(names, () => killAtTarget({ open: postgresTarget, blows: passes, perRound: PER_ROUND }), LIMIT_MS);

  (hasRedis ? test : test.skip)(
    'once at each step, where Redis holds the leases',
    () =>
      killAtTarget({
        open: postgresTarget,
        blows: pass,
        perRound: PER_ROUND,
        redis: () => StandaloneRedis.start(),
      }),
    LIMIT_MS,
  );
});

(hasCeph ? describe : describe.skip)('kill -9 of the broker of an STS', () => {
  test(names, () => killAtTarget({ open: stsTarget, blows: passes, perRound: PER_ROUND }), LIMIT_MS);

  (hasRedis ? test : test.skip)(
    'once at each step, where Redis holds the leases',
    () =>
      killAtTarget({
        open: stsTarget,
        blows: pass,
        perRound: PER_ROUND,
        redis: () => StandaloneRedis.start(),
      }),
    LIMIT_MS,
  );
});
