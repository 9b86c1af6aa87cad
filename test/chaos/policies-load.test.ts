// A broker that decides by policies, at full load, while they are read again: the quick form. A minute is in the long one.
import { test } from '@jest/globals';
import { policiesUnderLoad } from './policies-load.js';

test(
  'each request is decided by one whole set, whatever is read meanwhile',
  () => policiesUnderLoad(1),
  60_000,
);
