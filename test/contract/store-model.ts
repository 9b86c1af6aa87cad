// A random life of a store against a model of it: every command, every answer, every standing, across crashes.
import { afterEach, describe, it } from '@jest/globals';
import * as fc from 'fast-check';
import { HOUR_MS } from '../../src/domain/duration.js';
import type { StoreHarness } from './store/harness.js';
import { TERMS } from './store/harness.js';
import { Scene } from './store/scene.js';
import { Dead, expectAgreement, expectAllSettled } from './store-model/agreement.js';
import type { Run } from './store-model/command.js';
import { commands } from './store-model/commands.js';
import { StoreModel } from './store-model/model.js';
import { openFirstTasks } from './store-model/tasks.js';

export interface ModelRuns {
  readonly numRuns: number;
  /** No run begins after this. */
  readonly atMostMs: number;
  /** Commands in a run, for a store in which each takes its time. */
  readonly maxCommands?: number;
}

/** For a life that goes on, and for finding the shortest one that goes wrong. */
const SHORTENING_MS = 60_000;

/** A failure prints its seed and path: give both to `fc.assert` to see it again. */
export function describeStoreModel(
  name: string,
  harness: StoreHarness,
  { numRuns, atMostMs, maxCommands = 80 }: ModelRuns,
): void {
  describe(`the ${name} store against the model`, () => {
    afterEach(() => harness.close());
    let lives = 0;
    let isWrong = false;

    it(
      'does what the model says, whatever happens in whatever order',
      async () => {
        const began = performance.now();
        await fc.assert(
          fc.asyncProperty(commands(maxCommands), async (run) => {
            // Every life that began is lived to its end, however busy the machine; and a wrong one is made shorter.
            if (lives > 0 && !isWrong && performance.now() - began > atMostMs) return;
            lives++;
            try {
              await live(harness, run);
            } catch (error) {
              isWrong = true;
              throw error;
            }
          }),
          { numRuns, interruptAfterTimeLimit: atMostMs + SHORTENING_MS, endOnFailure: false },
        );
      },
      atMostMs + 2 * SHORTENING_MS,
    );
  });
}

async function live(
  harness: StoreHarness,
  run: Iterable<fc.AsyncCommand<StoreModel, Run, boolean>>,
): Promise<void> {
  const leaseMs = HOUR_MS;
  const scene = await Scene.open(harness, { retention: { ...TERMS.retention, leaseMs } });
  const model = new StoreModel(leaseMs);
  const dead = new Dead();
  await openFirstTasks(model, scene);
  await expectAgreement(model, scene, dead);
  await fc.asyncModelRun(() => ({ model, real: { scene, dead } }), run);
  await expectAllSettled(model, scene);
  await harness.close();
}
