// The embedded store keeps the whole contract of the port.
import { describeStore } from '../contract/store.js';
import { embeddedHarness } from './embedded-harness.js';

describeStore('embedded', embeddedHarness());
