// Token buckets: never more than the rate allows, a truthful wait, and no more memory than was given.
import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { Buckets } from '../../src/limits/rate.js';
import type { Rate } from '../../src/limits/rate.js';

const MANY = 1000;
const rates = fc.record({
  perSecond: fc.integer({ min: 1, max: 50 }),
  burst: fc.integer({ min: 1, max: 20 }),
});
/** Pauses before each attempt, in milliseconds. */
const pauses = fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 200 });

function attempts(buckets: Buckets, given: readonly number[]): { at: number; waitMs: number }[] {
  let now = 0;
  return given.map((pause) => ({ at: (now += pause), waitMs: buckets.take('a', now) }));
}

describe('a bucket', () => {
  test('gives a whole burst at once, and then as fast as it fills', () => {
    const buckets = new Buckets({ perSecond: 10, burst: 3 }, MANY);
    expect([0, 0, 0, 0].map((now) => buckets.take('a', now))).toEqual([0, 0, 0, 100]);
    expect(buckets.take('a', 99)).toBe(1);
    expect(buckets.take('a', 100)).toBe(0);
    expect(buckets.take('a', 100)).toBe(100);
  });

  test('in no window gives more than its burst and what filled it meanwhile', () => {
    fc.assert(
      fc.property(rates, pauses, (rate: Rate, given) => {
        const taken = attempts(new Buckets(rate, MANY), given).filter(({ waitMs }) => waitMs === 0);
        const excess = taken.flatMap(({ at: from }, first) =>
          taken
            .slice(first)
            .map(({ at: until }, more) => more + 1 - rate.burst - ((until - from) * rate.perSecond) / 1000),
        );
        expect(Math.max(0, ...excess)).toBeLessThanOrEqual(1e-6);
      }),
    );
  });

  test('says the truth about how long to wait: no sooner, and then surely', () => {
    fc.assert(
      fc.property(rates, pauses, (rate: Rate, given) => {
        const buckets = new Buckets(rate, MANY);
        let now = 0;
        for (const pause of given) {
          now += pause;
          const expected = buckets.wait('a', now);
          const waitMs = buckets.take('a', now);
          expect(waitMs).toBe(expected);
          if (waitMs === 0) continue;
          expect(buckets.wait('a', now + waitMs - 0.01)).toBeGreaterThan(0);
          expect(buckets.wait('a', now + waitMs)).toBe(0);
        }
      }),
    );
  });

  test('is not emptied by who is refused: however many come, one is let in as soon as there is one', () => {
    const buckets = new Buckets({ perSecond: 1, burst: 1 }, MANY);
    buckets.take('a', 0);
    const waits = Array.from({ length: 10_000 }, () => buckets.take('a', 500));
    expect(Math.min(...waits)).toBeGreaterThan(0);
    expect(buckets.take('a', 1000)).toBe(0);
  });

  test('takes nothing when it is only looked at', () => {
    const buckets = new Buckets({ perSecond: 1, burst: 1 }, MANY);
    for (let n = 0; n < 10; n++) expect(buckets.wait('a', 0)).toBe(0);
    expect(buckets.take('a', 0)).toBe(0);
  });

  test('of one name leaves those of others alone', () => {
    const buckets = new Buckets({ perSecond: 1, burst: 1 }, MANY);
    expect([buckets.take('a', 0), buckets.take('b', 0)]).toEqual([0, 0]);
    expect(buckets.take('a', 0)).toBeGreaterThan(0);
  });

  test('follows another rate at once, and keeps what was taken', () => {
    const buckets = new Buckets({ perSecond: 1, burst: 5 }, MANY);
    for (let n = 0; n < 5; n++) buckets.take('a', 0);
    buckets.changeRate({ perSecond: 1, burst: 6 }, 0);
    expect([buckets.take('a', 0), buckets.take('a', 0)]).toEqual([0, 1000]);
    buckets.changeRate({ perSecond: 1, burst: 1 }, 0);
    expect(buckets.take('a', 5000)).toBe(1000);
    // What was to be waited for a thousand seconds is there in one.
    buckets.changeRate({ perSecond: 1000, burst: 1 }, 5000);
    expect(buckets.take('a', 5000)).toBe(1);
    expect(buckets.take('a', 5001)).toBe(0);
  });

  test('is no fuller and no emptier for a clock that stands still or goes back', () => {
    const buckets = new Buckets({ perSecond: 1, burst: 2 }, MANY);
    expect([buckets.take('a', 9000), buckets.take('a', 1000)]).toEqual([0, expect.any(Number)]);
    expect(buckets.take('a', 9000)).toBe(0);
    expect(buckets.take('a', 9000)).toBe(1000);
  });
});

describe('many names', () => {
  test('take no more room than was given, however many come', () => {
    const buckets = new Buckets({ perSecond: 1, burst: 1 }, MANY);
    let largest = 0;
    for (let n = 0; n < 100 * MANY; n++) {
      buckets.take(`10.0.${n}`, n / 100);
      largest = Math.max(largest, buckets.size);
    }
    expect(largest).toBeLessThanOrEqual(MANY);
  });

  test('that come in a crowd make nobody else pay: a name is refused only for what it took itself', () => {
    const buckets = new Buckets({ perSecond: 1, burst: 2 }, MANY);
    for (let n = 0; n < 20 * MANY; n++) buckets.take(`crowd-${n}`, 0);
    expect(buckets.take('honest', 0)).toBe(0);
  });

  test.each([MANY / 2 - 1, MANY / 2, (MANY * 3) / 4, MANY - 1])(
    'keep one that goes on in mind through a crowd of %d, which is smaller than the room',
    (crowd) => {
      const buckets = new Buckets({ perSecond: 0.001, burst: 1 }, MANY);
      buckets.take('loud', 0);
      for (let n = 0; n < crowd; n++) buckets.take(`crowd-${n}`, 0);
      expect(buckets.take('loud', 0)).toBeGreaterThan(0);
    },
  );
});
