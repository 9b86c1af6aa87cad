// Times are told as the moment and as the distance, seen from the broker's clock.
import { expect, test } from '@jest/globals';
import { when } from '../../src/cli/time.js';

const NOW = Date.parse('2026-03-01T12:00:00.000Z');

test.each([
  ['2026-03-01T12:04:30.000Z', '2026-03-01 12:04:30Z (in 4m 30s)'],
  ['2026-03-01T11:59:15.000Z', '2026-03-01 11:59:15Z (45s ago)'],
  ['2026-02-27T11:00:00.000Z', '2026-02-27 11:00:00Z (2d 1h ago)'],
  ['2026-03-01T12:00:00.400Z', '2026-03-01 12:00:00Z (now)'],
  ['never', 'never'],
])('%s is %s', (wire, shown) => {
  expect(when(wire, NOW)).toBe(shown);
});
