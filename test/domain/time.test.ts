// Durations read as people write them, and no credential ends after its deadline.
import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { parseDuration, showDuration } from '../../src/domain/duration.js';
import { expiryOf } from '../../src/domain/lease.js';

describe('durations', () => {
  test.each([
    ['0s', 0],
    ['120ms', 120],
    ['90s', 90_000],
    ['15m', 900_000],
    ['2h', 7_200_000],
    ['30d', 2_592_000_000],
  ])('%s is %d ms', (text, ms) => expect(parseDuration(text)).toBe(ms));

  test.each([
    '',
    '5',
    's',
    '-5s',
    '+5s',
    '5 s',
    '1.5h',
    '5M',
    '5s ',
    '1e3s',
    '5s5s',
    '0x5s',
    '1234567890s',
    '٥s',
  ])('%j is none', (text) => expect(parseDuration(text)).toBeUndefined());

  test('what is shown in one unit is read as the same again', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 999 }),
        fc.constantFrom('ms', 's', 'm', 'h', 'd'),
        (count, unit) => {
          const ms = parseDuration(`${count}${unit}`)!;
          const shown = showDuration(ms)
            .split(' ')
            .map((part) => parseDuration(part)!);
          // Two units at most, so that it says a little less where there would be three.
          const sum = shown.reduce((total, part) => total + part, 0);
          expect(sum).toBeLessThanOrEqual(ms);
          expect(sum).toBeGreaterThan(ms * 0.95);
        },
      ),
    );
  });
});

describe('the end of a credential (invariant 4)', () => {
  const ms = fc.integer({ min: 0, max: 4_000_000_000_000 });
  const ttl = fc.integer({ min: 1000, max: 43_200_000 });

  test('is a whole second, after the issuance, at or before both the deadline and what was permitted', () => {
    fc.assert(
      fc.property(ms, ttl, fc.integer({ min: -5000, max: 43_200_000 }), (issuedAt, ttlMs, left) => {
        const end = expiryOf(issuedAt, ttlMs, issuedAt + left);
        if (end === undefined) return;
        expect(end % 1000).toBe(0);
        expect(end).toBeGreaterThan(issuedAt);
        expect(end).toBeLessThanOrEqual(issuedAt + Math.min(ttlMs, left));
      }),
      { numRuns: 2000 },
    );
  });

  test('wastes less than a second of what was permitted', () => {
    fc.assert(
      fc.property(ms, ttl, fc.integer({ min: 1000, max: 43_200_000 }), (issuedAt, ttlMs, left) => {
        const end = expiryOf(issuedAt, ttlMs, issuedAt + left)!;
        expect(issuedAt + Math.min(ttlMs, left) - end).toBeLessThan(1000);
      }),
    );
  });

  test.each([
    [1000, 5000, 1000],
    [1000, 5000, 999],
    [1200, 5000, 1900],
    [1999, 5000, 2000 - 1],
  ])('issued at %d for %d ms with a deadline at %d: there is none', (issuedAt, ttlMs, deadline) => {
    expect(expiryOf(issuedAt, ttlMs, deadline)).toBeUndefined();
  });
});
