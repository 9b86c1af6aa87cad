// kill -9 at every third step of a mint and of a kill at a target, by chance which. At all, two hundred times:
// kill-targets.long.test.ts.
import { describe, test } from '@jest/globals';
import { randomInt } from 'node:crypto';
import { hasPostgres } from '../fixtures/postgres.js';
import { ANSWERS_LOST, UNDER_LOAD, paired } from './kill-targets/blow.js';
import { killAtTarget } from './kill-targets/campaign.js';
import { postgresTarget } from './kill-targets/postgres-target.js';
import { stepsOf } from './kill-targets/target.js';

const LIMIT_MS = 120_000;
const offset = randomInt(3);

(hasPostgres ? describe : describe.skip)('kill -9 of the broker of a PostgreSQL', () => {
  test(
    'whatever it was doing, every login that is left has a live lease',
    () =>
      killAtTarget({
        open: postgresTarget,
        blows: (target) => [
          UNDER_LOAD,
          ...paired(stepsOf(target, ['unanswered'])).filter((_blow, index) => index % 3 === offset),
          ...ANSWERS_LOST,
        ],
        perRound: 100,
      }),
    LIMIT_MS,
  );
});
