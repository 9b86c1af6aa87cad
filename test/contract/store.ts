// The contract of the store port: the suite that every adapter runs. Its guarantees are those numbered in src/store/store.ts.
import { afterEach, describe } from '@jest/globals';
import { describeAudit } from './store/audit.js';
import { describeContexts } from './store/contexts.js';
import { describeDenials } from './store/denials.js';
import { describeExternalLeases } from './store/external-leases.js';
import type { StoreHarness, StoreTerms } from './store/harness.js';
import { describeInstances } from './store/instances.js';
import { describeIrrevocable } from './store/irrevocable.js';
import { describeLeases } from './store/leases.js';
import { describeLimits } from './store/limits.js';
import { describeRecords } from './store/records.js';
import { describeReviews } from './store/reviews.js';
import { describeRevocations } from './store/revocations.js';
import { Scene } from './store/scene.js';
import { describeStatusLists } from './store/status-lists.js';
import { describeSweeping } from './store/sweeping.js';
import { describeTasks } from './store/tasks.js';
import { describeUnion } from './store/union.js';

export function describeStore(name: string, harness: StoreHarness): void {
  describe(`the ${name} store`, () => {
    const begin = (terms?: Partial<StoreTerms>): Promise<Scene> => Scene.open(harness, terms);
    afterEach(() => harness.close());
    describeTasks(begin);
    describeLeases(begin);
    describeExternalLeases(begin);
    describeIrrevocable(begin);
    describeInstances(begin);
    describeLimits(begin);
    describeContexts(begin);
    describeReviews(begin);
    describeRevocations(begin);
    describeUnion(begin);
    describeSweeping(begin, harness.stories);
    describeStatusLists(begin);
    describeDenials(begin, harness.stories);
    describeAudit(begin);
    describeRecords(begin, harness);
  });
}
