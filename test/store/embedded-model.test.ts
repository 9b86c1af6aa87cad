// The embedded store against the model, for as long as `npm test` can wait.
import { describeStoreModel } from '../contract/store-model.js';
import { embeddedHarness } from './embedded-harness.js';

describeStoreModel('embedded', embeddedHarness(), { numRuns: 100, atMostMs: 12_000 });
