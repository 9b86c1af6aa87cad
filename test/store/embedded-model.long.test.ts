// The embedded store against the model, for twenty times as long as `npm test` does.
import { describeStoreModel } from '../contract/store-model.js';
import { embeddedHarness } from './embedded-harness.js';

describeStoreModel('embedded', embeddedHarness(), { numRuns: 4_000, atMostMs: 400_000 });
