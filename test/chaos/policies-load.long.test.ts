// A minute of full load with Cedar in the process: Node 20 crashes where V8 inlines calls into WASM, unless it is told not to.
import { test } from '@jest/globals';
import { policiesUnderLoad } from './policies-load.js';

test('a minute of full load and reloads, without a crash', () => policiesUnderLoad(60), 120_000);
