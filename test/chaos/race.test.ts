// Invariant 1 over HTTP: whatever races with a close, nothing is issued after it, and all that was issued before is dead.
// The 2,000 tasks: race.long.test.ts.
import { test } from '@jest/globals';
import { raceAtOne } from './race-embedded.js';

const TASKS = 200;
const LIMIT_MS = 60_000;

test(
  `of ${TASKS} tasks that are closed in the middle of everything, none gives anything after its close`,
  () => raceAtOne(TASKS),
  LIMIT_MS,
);
