// Names say what they say: whose child a task is, when a lease was issued, where a tree lives.
import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import type { TaskId } from '../../src/domain/ids.js';
import {
  chance,
  isLeaseId,
  isRequestId,
  isTaskId,
  leaseId,
  leaseSlot,
  leaseTime,
  lineageOf,
  newTaskId,
  parentOf,
  principalName,
  requestId,
  rootOf,
  slotOf,
  SLOTS,
} from '../../src/domain/ids.js';

const segment = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/);
const taskId = fc
  .array(segment, { minLength: 1, maxLength: 8 })
  .map((segments) => segments.join('.') as TaskId);
const time = fc.integer({ min: 0, max: 32 ** 10 - 1 });

describe('task ids', () => {
  test.each([
    '',
    '.',
    'a.',
    '.a',
    'a..b',
    'a b',
    'a/b',
    'ä',
    'a\n',
    '\na',
    'x'.repeat(65),
    Array(9).fill('a').join('.'),
    'a%2Eb',
    '__proto__.',
  ])('%j is none', (text) => expect(isTaskId(text)).toBe(false));

  test('are their segments, from the root down', () => {
    fc.assert(
      fc.property(taskId, (id) => {
        const segments = id.split('.');
        expect(isTaskId(id)).toBe(true);
        expect(rootOf(id)).toBe(segments[0]);
        expect(lineageOf(id)).toEqual(
          segments.map((_, index) => segments.slice(0, segments.length - index).join('.')),
        );
        expect(parentOf(id)).toBe(segments.length === 1 ? undefined : segments.slice(0, -1).join('.'));
      }),
    );
  });

  test('of one tree live in one slot', () => {
    fc.assert(
      fc.property(taskId, (id) => {
        expect(slotOf(id)).toBe(slotOf(rootOf(id)));
        expect(slotOf(id)).toBeGreaterThanOrEqual(0);
        expect(slotOf(id)).toBeLessThan(SLOTS);
      }),
    );
  });

  test('that we make are good ones, and all different', () => {
    const ids = Array.from({ length: 1000 }, newTaskId);
    expect(ids.every(isTaskId)).toBe(true);
    expect(new Set(ids).size).toBe(1000);
  });
});

describe('lease ids', () => {
  test('hold their time and slot, and sort by time', () => {
    fc.assert(
      fc.property(time, time, fc.integer({ min: 0, max: SLOTS - 1 }), (one, other, slot) => {
        const [a, b] = [leaseId(one, slot, chance()), leaseId(other, slot, chance())];
        expect([isLeaseId(a), leaseTime(a), leaseSlot(a)]).toEqual([true, one, slot]);
        if (one !== other) expect(a < b).toBe(one < other);
      }),
    );
  });

  test('are never guessed from one another', () => {
    const ids = Array.from({ length: 1000 }, () => leaseId(1, 2, chance()));
    expect(new Set(ids.map((id) => id.slice(18))).size).toBe(1000);
  });

  test.each([
    'lease_',
    `lease_${'0'.repeat(27)}`,
    `lease_${'0'.repeat(29)}`,
    `lease_${'u'.repeat(28)}`,
    `LEASE_${'0'.repeat(28)}`,
    `lease_${'0'.repeat(28)}\n`,
  ])('%j is none', (text) => expect(isLeaseId(text)).toBe(false));
});

test('request ids are good ones, and all different', () => {
  const ids = Array.from({ length: 1000 }, () => requestId());
  expect(ids.every(isRequestId)).toBe(true);
  expect(new Set(ids).size).toBe(1000);
});

test('no issuer can speak for another one: a principal’s name tells who vouches', () => {
  const trust = fc.stringMatching(/^[a-z0-9-]{1,32}$/);
  fc.assert(
    fc.property(trust, trust, fc.string(), fc.string(), (one, other, sub, otherSub) => {
      fc.pre(one !== other);
      expect(principalName(one, sub)).not.toBe(principalName(other, otherSub));
    }),
  );
});
