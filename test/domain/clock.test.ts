// The machine's clock as we read it: never back, and never at a standstill.
import { describe, expect, test } from '@jest/globals';
import { systemClock } from '../../src/domain/clock.js';

describe('the system clock', () => {
  test('follows the wall clock', () => {
    let wall = 1_000;
    let monotonic = 0;
    const clock = systemClock(
      () => wall,
      () => monotonic,
    );
    wall += 500;
    monotonic += 500;
    expect(clock.now()).toBe(1_500);
  });

  test('goes on when somebody sets the wall clock back, however often it is read', () => {
    let wall = 10_000;
    let monotonic = 0;
    const clock = systemClock(
      () => wall,
      () => monotonic,
    );
    wall = 1_000;
    for (let reading = 0; reading < 10_000; reading++) {
      monotonic += 0.25;
      clock.now();
    }
    expect(clock.now()).toBe(12_500);
  });

  test('follows the wall clock forward, as after a suspension', () => {
    let wall = 1_000;
    const clock = systemClock(
      () => wall,
      () => 0,
    );
    wall = 3_600_000;
    expect(clock.now()).toBe(3_600_000);
  });
});
