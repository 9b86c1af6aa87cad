// One run of the fuzz: so many requests from a seed, and the broker as good as before afterwards.
import * as fc from 'fast-check';
import { openApiDocument } from '../../../src/http/openapi/document.js';
import { operationsOf } from '../contract-document.js';
import { requests } from './requests.js';
import { Target } from './target.js';

export interface FuzzOptions {
  readonly seed: number;
  readonly requests: number;
  /** Whether every route must have been served at least once: with few requests, chance may leave one out. */
  readonly getsEverywhere: boolean;
}

/** @throws Error with the smallest request that shows what is wrong, and the seed that found it. */
export async function fuzz(options: FuzzOptions): Promise<void> {
  const document = openApiDocument({ issuer: 'https://mayfly.example', version: '0.0.0' });
  const target = await Target.start(document);
  try {
    const run = await fc.check(
      fc.asyncProperty(requests(operationsOf(document), document.components.schemas), async (request) => {
        const flaws = await target.flawsOf(request);
        if (flaws.length > 0) throw new Error(flaws.join('\n'));
      }),
      { seed: options.seed, numRuns: options.requests },
    );
    if (run.failed) {
      const [request] = run.counterexample ?? [];
      const { errorInstance: error } = run;
      throw new Error(
        `${error instanceof Error ? error.message : String(error)}\nby ${JSON.stringify(request)}\nseed ${run.seed}, after ${run.numRuns} requests`,
      );
    }
    const missed = options.getsEverywhere ? await target.routesMissed() : [];
    const flaws = [...(await target.flawsAfterwards()), ...missed];
    if (flaws.length > 0) throw new Error(flaws.slice(0, 10).join('\n'));
  } finally {
    await target.broker.stop();
  }
}

export const anySeed = (): number => Math.floor(Math.random() * 2 ** 31);
