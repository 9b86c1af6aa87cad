// Who gets a heartbeat when: everybody once in the interval, whatever the crowd and the store's pace, and not all at once.
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { Confirmed } from '../../../src/revocation/feed/confirmation.js';
import { Heartbeats } from '../../../src/revocation/feed/heartbeats.js';

const HEARTBEAT_MS = 1000;
const CONFIRMED: Confirmed = { epoch: 'e', asOf: 0, now: 0, began: 0 };

let heartbeats: Heartbeats;
/** How long a look at the store takes; undefined: it fails. */
let looksMs: number | undefined;
let looks = 0;
let told: { readonly at: number; readonly streams: readonly string[] }[] = [];
const said: string[] = [];
const now = (): number => performance.now();

beforeEach(() => {
  jest.useFakeTimers();
  [looksMs, looks, told] = [0, 0, []];
  said.length = 0;
  heartbeats = new Heartbeats({
    heartbeatMs: HEARTBEAT_MS,
    elapsed: now,
    confirm: async () => {
      looks++;
      if (looksMs === undefined) throw new Error('away');
      await new Promise((resolve) => setTimeout(resolve, looksMs));
      return CONFIRMED;
    },
    promise: (_, streams) => told.push({ at: now(), streams }),
    log: { info: (_, message) => said.push(message), warn: (_, message) => said.push(message) },
  });
  heartbeats.begin();
});
afterEach(() => {
  heartbeats.stop();
  jest.useRealTimers();
});

const pass = (ms: number): Promise<void> => jest.advanceTimersByTimeAsync(ms);
const join = (count: number, from = 0): void => {
  for (let at = from; at < from + count; at++) heartbeats.join(`stream-${at}`);
};

/** The longest that anybody waited, from `began` on. */
function longestWait(count: number, began: number): number {
  const last = new Map(Array.from({ length: count }, (_, at) => [`stream-${at}`, began]));
  let longest = 0;
  for (const { at, streams } of told)
    for (const stream of streams) {
      longest = Math.max(longest, at - last.get(stream)!);
      last.set(stream, at);
    }
  return Math.max(longest, ...[...last.values()].map((at) => now() - at));
}

describe('a few', () => {
  test('are told together, even where they came one after the other: one look at the store for all', async () => {
    for (let at = 0; at < 5; at++) {
      join(1, at);
      await pass(150);
    }
    await pass(5 * HEARTBEAT_MS);
    expect(told.every(({ streams }) => streams.length === 5)).toBe(true);
    expect(looks).toBeGreaterThanOrEqual(5);
    expect(looks).toBeLessThanOrEqual(6);
  });

  test('where nobody reads, nobody is told, and the store is left alone', async () => {
    join(1);
    heartbeats.leave('stream-0');
    await pass(3 * HEARTBEAT_MS);
    expect([told, looks]).toEqual([[], 0]);
  });
});

describe.each([60, 400, 3000])('%i who came in the same moment', (count) => {
  test('each in its time, and never more than their share at once', async () => {
    join(count);
    const began = now();
    await pass(10 * HEARTBEAT_MS);
    const most = Math.max(25, Math.ceil(count / 16));
    expect(Math.max(...told.map(({ streams }) => streams.length))).toBeLessThanOrEqual(most);
    // The first round spreads them; after it, each has its place.
    expect(longestWait(count, began)).toBeLessThan(2 * HEARTBEAT_MS);
    told = [];
    const since = now();
    await pass(10 * HEARTBEAT_MS);
    expect(longestWait(count, since)).toBeLessThanOrEqual(1.2 * HEARTBEAT_MS);
  });

  test('nobody is forgotten where each look at the store takes longer than a tick', async () => {
    looksMs = 330;
    join(count);
    const began = now();
    await pass(10 * HEARTBEAT_MS);
    expect(longestWait(count, began)).toBeLessThan(2.5 * HEARTBEAT_MS);
  });
});

test('a store that cannot be looked at: nothing is promised, which is said once; then everybody is told', async () => {
  join(3);
  looksMs = undefined;
  await pass(3 * HEARTBEAT_MS);
  expect(told).toEqual([]);
  expect(said).toEqual(['the store cannot be looked at: the feed promises nothing']);
  looksMs = 0;
  await pass(HEARTBEAT_MS / 5);
  expect(told.map(({ streams }) => streams.length)).toEqual([3]);
  expect(said.at(-1)).toBe('the feed goes on');
});
