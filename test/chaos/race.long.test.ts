// The race at one broker in full: 2,000 tasks.
import { test } from '@jest/globals';
import { raceAtOne } from './race-embedded.js';

const TASKS = 2000;
const LIMIT_MS = 120_000;

test(
  `of ${TASKS} tasks that are closed in the middle of everything, none gives anything after its close`,
  () => raceAtOne(TASKS),
  LIMIT_MS,
);
