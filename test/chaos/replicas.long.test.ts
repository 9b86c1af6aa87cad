// A replica that followed to the end takes over: what a master acknowledged alone in its last moments is measured.
import { afterEach, test } from '@jest/globals';
import type { Scene } from './followed-scene.js';
import { followedScene } from './followed-scene.js';
import { TASKS, takeOver } from './take-over.js';

const LIMIT_MS = 120_000;

let scene: Scene | undefined;
afterEach(() => scene?.end());

test(
  `brokers write back what it lost of ${TASKS} closes, and nothing is revived`,
  async () => takeOver((scene = await followedScene({})), false),
  LIMIT_MS,
);
