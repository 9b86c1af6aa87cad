// kill -9 of one broker with a database of its own. A hundred times: kill-nine.long.test.ts.
import { test } from '@jest/globals';
import { killNine } from './kill-nine.js';

const KILLS = 4;
const LIMIT_MS = 120_000;

test(
  `${KILLS} times kill -9: no acknowledged lease, close or kill is lost, and none is undone`,
  () => killNine(KILLS),
  LIMIT_MS,
);
