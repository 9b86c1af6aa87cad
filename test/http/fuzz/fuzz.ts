// One run of the fuzz: so many requests from a seed, and the broker as good as before afterwards.
import * as fc from 'fast-check';
import { openApiDocument } from '../../../src/http/openapi/document.js';
import { operationsOf } from '../contract-document.js';
import type { FuzzedRequest } from './requests.js';
import { requests } from './requests.js';
import { Target } from './target.js';

export interface FuzzOptions {
  readonly seed: number;
  readonly requests: number;
  /** Whether every route must have been served at least once: with few requests, chance may leave one out. */
  readonly getsEverywhere: boolean;
}

/** So often as many requests, until every route was served; more would be no chance any more. */
const MOST_ROUNDS = 4;

/** @throws Error with the smallest request that shows what is wrong, and the seed that found it. */
export async function fuzz({ seed, requests: count, getsEverywhere }: FuzzOptions): Promise<void> {
  const document = openApiDocument({ issuer: 'https://mayfly.example', version: '0.0.0' });
  const target = await Target.start(document);
  try {
    const kinds = requests(operationsOf(document), document.components.schemas);
    let missed: string[] = [];
    for (let round = 0; round === 0 || (missed.length > 0 && round < MOST_ROUNDS); round++) {
      await shoot(target, kinds, { seed: seed + round, numRuns: count });
      missed = getsEverywhere ? await target.routesMissed() : [];
    }
    const flaws = [...(await target.flawsAfterwards()), ...missed];
    if (flaws.length > 0) throw new Error(flaws.slice(0, 10).join('\n'));
  } finally {
    await target.stop();
  }
}

async function shoot(
  target: Target,
  kinds: fc.Arbitrary<FuzzedRequest>,
  options: { readonly seed: number; readonly numRuns: number },
): Promise<void> {
  const run = await fc.check(
    fc.asyncProperty(kinds, async (request) => {
      const flaws = await target.flawsOf(request);
      if (flaws.length > 0) throw new Error(flaws.join('\n'));
    }),
    options,
  );
  if (!run.failed) return;
  const [request] = run.counterexample ?? [];
  const { errorInstance: error } = run;
  throw new Error(
    `${error instanceof Error ? error.message : String(error)}\nby ${JSON.stringify(request)}\nseed ${run.seed}, after ${run.numRuns} requests`,
  );
}

export const anySeed = (): number => Math.floor(Math.random() * 2 ** 31);
