// The lane to a target: how many may be under way, who is turned away, and what failures in a row come to.
import { beforeEach, describe, expect, test } from '@jest/globals';
import { Refusal } from '../../src/domain/refusal.js';
import type { LanePlace, TargetsOptions } from '../../src/minters/targets.js';
import { PutOff, Targets } from '../../src/minters/targets.js';
import { SettableClock } from '../contract/store/harness.js';

let clock: SettableClock;
let warned: string[];
let targets: Targets;

beforeEach(() => {
  clock = new SettableClock();
  warned = [];
  targets = lane();
});

const lane = (more: Partial<TargetsOptions> = {}): Targets =>
  new Targets({
    clock,
    log: { warn: (facts, message) => void warned.push(`${JSON.stringify(facts)} ${message}`) },
    random: () => 0,
    ...more,
  });

async function place(
  got: LanePlace | PutOff | Refusal | Promise<LanePlace | PutOff | Refusal>,
): Promise<LanePlace> {
  const found = await got;
  if (found instanceof PutOff || found instanceof Refusal) throw new Error('there was no place');
  return found;
}
const kill = async (lease: string, begin = (): Promise<void> => Promise.resolve()): Promise<void> =>
  (await place(targets.placeForKill('crm'))).work(lease, 1000, begin).catch(() => {});
const mint = async (lease: string, begin = (): Promise<void> => Promise.resolve()): Promise<void> =>
  (await place(targets.placeForMint('crm'))).work(lease, 1000, begin).catch(() => {});
const fails = (): Promise<never> => Promise.reject(new Error('connection refused'));

async function failing(of: 'kill' | 'mint' = 'kill', count = 5): Promise<void> {
  for (let n = 0; n < count; n++) await (of === 'kill' ? kill : mint)(`lease_${of}_${n}`, fails);
}

describe('places', () => {
  test('are so many for each tool, and for mints others than for kills', async () => {
    targets = lane({ kills: { most: 2, mostWaiting: 0 }, mints: { most: 1, mostWaiting: 0 } });
    for (let n = 0; n < 2; n++) await place(targets.placeForKill('crm'));
    expect(targets.placeForKill('crm')).toBeInstanceOf(PutOff);
    await place(targets.placeForMint('crm'));
    expect(targets.placeForMint('crm')).toMatchObject({ reason: 'target_unavailable', retryAfterMs: 1000 });
    await place(targets.placeForKill('search'));
    await place(targets.placeForMint('search'));
  });

  test('go to those who wait, in the order in which they came', async () => {
    targets = lane({ kills: { most: 1, mostWaiting: 2 } });
    const first = await place(targets.placeForKill('crm'));
    const order: number[] = [];
    const waiting = [1, 2].map(async (n) => {
      const next = await place(targets.placeForKill('crm'));
      order.push(n);
      next.leave();
    });
    expect(targets.placeForKill('crm')).toBeInstanceOf(PutOff);
    first.leave();
    await Promise.all(waiting);
    expect(order).toEqual([1, 2]);
  });

  test('are waited for no longer than the terms say', async () => {
    targets = lane({ kills: { most: 1, waitMs: 20 } });
    await place(targets.placeForKill('crm'));
    expect(await targets.placeForKill('crm')).toBeInstanceOf(PutOff);
  });

  test('are given back once, however often somebody leaves', async () => {
    targets = lane({ kills: { most: 1, mostWaiting: 0 } });
    const only = await place(targets.placeForKill('crm'));
    await only.work('lease_1', 1000, () => Promise.resolve());
    only.leave();
    await place(targets.placeForKill('crm'));
    expect(targets.placeForKill('crm')).toBeInstanceOf(PutOff);
  });

  test('are asked for less often, the longer nothing moves', async () => {
    targets = lane({ kills: { most: 1, mostWaiting: 0 } });
    await place(targets.placeForKill('crm'));
    const pauses: number[] = [];
    for (const aheadMs of [0, 2000, 60_000]) {
      clock.advance(aheadMs);
      pauses.push((targets.placeForKill('crm') as PutOff).retryAfterMs);
    }
    expect(pauses).toEqual([500, 2000, 30_000]);
  });

  test('are free again when an attempt has taken too long, and that is a failure', async () => {
    targets = lane({ kills: { most: 1, mostWaiting: 0 } });
    const hanging = (await place(targets.placeForKill('crm'))).work(
      'lease_1',
      20,
      () => new Promise(() => {}),
    );
    await expect(hanging).rejects.toThrow('no answer within 20 ms');
    await place(targets.placeForKill('crm'));
  });
});

test('kills that are put off come back one after the other, not together', async () => {
  targets = lane({ kills: { most: 1, mostWaiting: 0 } });
  await place(targets.placeForKill('crm'));
  const pauses = Array.from({ length: 3 }, () => (targets.placeForKill('crm') as PutOff).retryAfterMs);
  expect(pauses).toEqual([500, 501, 502]);
});

describe('failures in a row', () => {
  test('shut a target, for a pause that doubles, with chance in its upper half, to a minute', async () => {
    targets = lane({ random: () => 0.5 });
    await failing();
    const pauses: number[] = [];
    for (let n = 0; n < 8; n++) {
      // Beside it is chance.
      const ms = (targets.placeForKill('crm') as PutOff).retryAfterMs - 250;
      pauses.push(ms);
      clock.advance(ms);
      await kill(`lease_${n}`, fails);
    }
    expect(pauses).toEqual([750, 1500, 3000, 6000, 12_000, 24_000, 45_000, 45_000]);
  });

  test('are told once when they begin, with the error, and once when they are over', async () => {
    await failing();
    expect(targets.shut).toEqual(['crm']);
    clock.advance(500);
    await kill('lease_1');
    expect(targets.shut).toEqual([]);
    expect(warned).toEqual([
      expect.stringMatching(/"tool":"crm","error":"connection refused".*nothing is asked of it/),
      expect.stringMatching(/"tool":"crm".*answers again/),
    ]);
  });

  test('are of several leases: one that its target never lets go of shuts nobody out', async () => {
    for (let n = 0; n < 20; n++) await kill('lease_1', fails);
    expect(targets.shut).toEqual([]);
    await mint('lease_2');
  });

  test('begin anew after a success', async () => {
    await failing('kill', 4);
    await kill('lease_1');
    await failing('kill', 4);
    expect(targets.shut).toEqual([]);
  });

  test('send away those who wait: they would hold what others could claim', async () => {
    targets = lane({ kills: { most: 1 } });
    await failing('kill', 4);
    const fifth = await place(targets.placeForKill('crm'));
    const waiting = [targets.placeForKill('crm'), targets.placeForKill('crm')];
    await fifth.work('lease_5', 1000, fails).catch(() => {});
    for (const one of waiting) expect(await one).toBeInstanceOf(PutOff);
  });

  test('of attempts that began before do not lengthen the pause', async () => {
    const late = await place(targets.placeForKill('crm'));
    await failing();
    await late.work('lease_late', 1000, fails).catch(() => {});
    expect((targets.placeForKill('crm') as PutOff).retryAfterMs).toBe(500);
  });

  test('shut no other tool', async () => {
    await failing();
    await place(targets.placeForKill('search'));
    await place(targets.placeForMint('search'));
  });
});

describe('the one try after the pause', () => {
  test('is one: until it is over, others are put off, and mints refused', async () => {
    await failing();
    clock.advance(500);
    const one = await place(targets.placeForKill('crm'));
    expect(targets.placeForKill('crm')).toBeInstanceOf(PutOff);
    expect(targets.placeForMint('crm')).toBeInstanceOf(Refusal);
    await one.work('lease_1', 1000, () => Promise.resolve());
    await Promise.all([kill('lease_2'), kill('lease_3'), mint('lease_4')]);
  });

  test('that was never made leaves it to the next', async () => {
    await failing();
    clock.advance(500);
    (await place(targets.placeForKill('crm'))).leave();
    await kill('lease_1');
    expect(targets.shut).toEqual([]);
  });

  test('may be a mint where no kill comes: it opens the way for all', async () => {
    await failing();
    expect(targets.placeForMint('crm')).toBeInstanceOf(Refusal);
    clock.advance(500);
    const one = await place(targets.placeForMint('crm'));
    expect(targets.placeForMint('crm')).toBeInstanceOf(Refusal);
    await one.work('lease_1', 1000, () => Promise.resolve());
    expect(targets.shut).toEqual([]);
  });

  test('of a mint that fails holds back no kill', async () => {
    await failing();
    clock.advance(500);
    await mint('lease_1', fails);
    await kill('lease_2');
    expect(targets.shut).toEqual([]);
  });
});

describe('mints that fail', () => {
  test('shut out mints, and no kill: an agent must not hold back a kill by what it asks for', async () => {
    await failing('mint');
    expect(targets.placeForMint('crm')).toMatchObject({ reason: 'target_unavailable', retryAfterMs: 1000 });
    await kill('lease_1');
    // That it lets go says nothing of whether it makes new ones: each failed mint is followed by such a kill.
    expect(targets.placeForMint('crm')).toBeInstanceOf(Refusal);
    clock.advance(500);
    await mint('lease_2');
    await mint('lease_3');
  });
});
