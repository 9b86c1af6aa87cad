// Who reads at the other brokers, as long as they say so.
import { expect, test } from '@jest/globals';
import { Audience } from '../../../src/revocation/feed/audience.js';

test('the readers of a broker count until it has missed three of its heartbeats, however rare those are', () => {
  let now = 0;
  const audience = new Audience(() => now, 10_000);
  audience.hear('another', { 'cluster/crm-api': [1] });
  const counted = [9_999, 29_999, 30_001].map((at) => {
    now = at;
    return audience.everybody().length;
  });
  expect(counted).toEqual([1, 1, 0]);
});
