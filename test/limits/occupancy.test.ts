// How many live at a time: never more than the limit where a broker is alone, whatever is ended and by whom.
import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { Ends } from '../../src/limits/ends.js';
import { Occupancy } from '../../src/limits/occupancy.js';
import type { Full, Place } from '../../src/limits/occupancy.js';
import type { Tally } from '../../src/store/store.js';

const isPlace = (entered: Place | Full): entered is Place => 'taken' in entered;

/** What is really there, for everybody, and a broker's idea of it. */
class World {
  now = 0;
  looks = 0;
  ends: number[] = [];
  readonly occupancy: Occupancy;

  constructor(most: number, alone = true) {
    this.occupancy = new Occupancy({ alone, monotonic: () => this.now });
    this.occupancy.most = most;
  }

  get live(): number {
    this.ends = this.ends.filter((end) => end > this.now);
    return this.ends.length;
  }

  readonly look = (most: number): Promise<Tally> => {
    this.looks++;
    const count = Math.min(this.live, most);
    return Promise.resolve(count < most ? { count } : { count, atLeast: true });
  };

  /** `lateMs`: for how long the answer of the store is under way. */
  async enter(lifeMs: number, { occupancy = this.occupancy, lateMs = 0 } = {}): Promise<boolean> {
    const entered = await occupancy.enter('a', this.look);
    if (!isPlace(entered)) return false;
    this.ends.push(this.now + lifeMs);
    this.now += lateMs;
    entered.taken(lifeMs);
    return true;
  }

  /** One of them ends before its time; the broker sees it, or only hears that something ended. */
  end(index: number, seen: boolean, lateMs = 0): void {
    if (this.live === 0) return;
    const [end = 0] = this.ends.splice(index % this.ends.length, 1);
    this.now += lateMs;
    if (seen) this.occupancy.left('a', end - this.now);
    this.occupancy.somethingEnded();
  }

  /** One of them lives longer; a renewal never takes time away. */
  prolong(index: number, lifeMs: number, lateMs = 0): void {
    if (this.live === 0) return;
    const place = index % this.ends.length;
    const before = this.ends[place]!;
    this.ends[place] = Math.max(before, this.now + lifeMs);
    this.now += lateMs;
    this.occupancy.prolonged('a', before - this.now, lifeMs);
  }
}

const broken = (): Promise<Tally> => Promise.reject(new Error('no store'));

const MOST = 3;
interface Step {
  readonly kind: 'enter' | 'wait' | 'end' | 'prolong';
  readonly index: number;
  readonly seen: boolean;
  readonly lifeMs: number;
  readonly waitMs: number;
  readonly lateMs: number;
}
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    kind: fc.constantFrom('enter', 'enter', 'enter', 'wait', 'end', 'prolong'),
    index: fc.nat(50),
    seen: fc.boolean(),
    lifeMs: fc.integer({ min: 1, max: 9000 }),
    waitMs: fc.integer({ min: 1, max: 3000 }),
    lateMs: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 2500 })),
  }),
  { maxLength: 80 },
);

describe('a broker that is alone', () => {
  test('lets never more live than the limit, and never refuses for longer than a second while there is room', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (story) => {
        const world = new World(MOST);
        for (const step of story) {
          const { kind, index, seen, lifeMs, waitMs, lateMs } = step;
          if (kind === 'wait') world.now += waitMs;
          else if (kind === 'end') world.end(index, seen, lateMs);
          else if (kind === 'prolong') world.prolong(index, lifeMs, lateMs);
          else if (!(await world.enter(lifeMs, { lateMs })) && world.live < MOST) {
            world.now += 1000;
            const room = world.live < MOST;
            expect(await world.enter(lifeMs)).toBe(room);
          }
          expect(world.live).toBeLessThanOrEqual(MOST);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('gives exactly as many places as there are to many who come at the same time', async () => {
    const world = new World(10);
    const entered = await Promise.all(
      Array.from({ length: 100 }, async () => world.occupancy.enter('a', world.look)),
    );
    expect(entered.filter(isPlace)).toHaveLength(10);
    expect(world.looks).toBe(1);
  });

  test('asks the store once where it knows the name from its beginning, and not at all where it saw that', async () => {
    const world = new World(10);
    world.now = 5000;
    for (let n = 0; n < 10; n++) expect(await world.enter(60_000)).toBe(true);
    expect(world.looks).toBe(1);
    const young = world.occupancy.enter('born since', world.look, 100);
    expect(young).not.toBeInstanceOf(Promise);
    expect(world.looks).toBe(1);
  });

  test('knows of what was there before it', async () => {
    const world = new World(3);
    world.ends = [9000, 9000];
    expect([await world.enter(9000), await world.enter(9000)]).toEqual([true, false]);
  });

  test('asks about what seems to begin only later, as it does after a start where the clock went back', async () => {
    const world = new World(3);
    world.now = 5000;
    world.ends = [9000, 9000, 9000];
    expect(isPlace(await world.occupancy.enter('a', world.look, -1000))).toBe(false);
    expect(world.looks).toBe(1);
  });

  test('has a place again as soon as one was ended by name, without asking', async () => {
    const world = new World(1);
    await world.enter(60_000);
    expect(await world.enter(60_000)).toBe(false);
    world.end(0, true);
    const { looks } = world;
    expect(await world.enter(60_000)).toBe(true);
    expect(world.looks).toBe(looks);
  });

  test('asks anew at once where something was killed, and once a second where it hears of nothing', async () => {
    const world = new World(1);
    await world.enter(60_000);
    await world.enter(60_000);
    world.now += 100;
    world.end(0, false);
    expect(await world.enter(60_000)).toBe(true);
    world.ends = [];
    expect(await world.enter(60_000)).toBe(false);
    world.now += 1000;
    expect(await world.enter(60_000)).toBe(true);
  });

  test('asks the store no more than once a second for however many it refuses', async () => {
    const world = new World(1);
    await world.enter(3_600_000);
    const { looks } = world;
    for (let n = 0; n < 1000; n++) {
      world.now += 10;
      expect(await world.enter(1)).toBe(false);
    }
    expect(world.looks - looks).toBeLessThanOrEqual(11);
  });

  test('rests for twenty times as long as it took to look, however often something ends', async () => {
    const world = new World(1);
    await world.enter(3_600_000);
    let looks = 0;
    const slow = async (most: number): Promise<Tally> => {
      looks++;
      world.now += 100;
      return world.look(most);
    };
    for (let n = 0; n < 1000; n++) {
      world.now += 10;
      world.occupancy.somethingEnded();
      await world.occupancy.enter('a', slow);
    }
    expect(looks).toBeLessThanOrEqual(6);
  });

  test('counts what is under way, and gives up the place of what failed', async () => {
    const world = new World(1);
    const first = await world.occupancy.enter('a', world.look);
    expect(await world.enter(1000)).toBe(false);
    (first as Place).free();
    (first as Place).free();
    expect(await world.enter(1000)).toBe(true);
    expect(await world.enter(1000)).toBe(false);
  });

  test('says when the next of them ends: then there is a place', async () => {
    const world = new World(2);
    await world.enter(5000);
    await world.enter(60_000);
    const full = (await world.occupancy.enter('a', world.look)) as Full;
    expect(full.retryAfterMs).toBeGreaterThanOrEqual(5000);
    expect(full.retryAfterMs).toBeLessThanOrEqual(5000 + 512);
    world.now += full.retryAfterMs;
    expect(await world.enter(1)).toBe(true);
  });

  test('counts one that was prolonged for as long as it lives now', async () => {
    const world = new World(1);
    await world.enter(2000);
    world.ends = [9000];
    world.occupancy.prolonged('a', 2000, 9000);
    world.now = 8000;
    expect(await world.enter(1)).toBe(false);
  });

  test('counts one that was prolonged once', async () => {
    const world = new World(2);
    await world.enter(5000);
    world.prolong(0, 9000);
    expect([await world.enter(5000), await world.enter(5000)]).toEqual([true, false]);
  });

  test('counts what came to be while the store was counting', async () => {
    const world = new World(2);
    await world.enter(60_000);
    const under = (await world.occupancy.enter('a', world.look)) as Place;
    world.now += 2000;
    const counted = world.occupancy.enter('a', async (most) => {
      const tally = await world.look(most);
      world.ends.push(60_000);
      under.taken(60_000);
      return tally;
    });
    expect(isPlace(await counted)).toBe(false);
    expect(await world.enter(60_000)).toBe(false);
  });

  test('drops nobody else’s entry where one was prolonged or ended at the last moment', async () => {
    const world = new World(3);
    await world.enter(100);
    await world.enter(60_000);
    world.now = 150;
    // The store had prolonged the one and ended the other before their time was over; we hear of it after that.
    world.ends.push(60_000);
    world.occupancy.prolonged('a', 10, 60_000);
    world.occupancy.left('a', 10);
    expect([await world.enter(1), await world.enter(1)]).toEqual([true, false]);
  });

  test('is not led astray where the store cannot be asked: who asked is told, and the next asks again', async () => {
    const world = new World(1);
    await expect(world.occupancy.enter('a', broken)).rejects.toThrow('no store');
    expect(await world.enter(1000)).toBe(true);
  });

  test('that was switched off and on again asks for what it did not count', async () => {
    const world = new World(2);
    await world.enter(60_000);
    world.occupancy.most = undefined;
    await world.enter(60_000);
    await world.enter(60_000);
    world.occupancy.most = 3;
    expect(await world.enter(60_000)).toBe(false);
  });

  test('keeps no more names than it has room for, and asks about one that it forgot', async () => {
    const world = new World(2);
    for (let n = 0; n < 50_000; n++) {
      const place = await world.occupancy.enter(`task-${n}`, world.look, 0);
      (place as Place).taken(3_600_000);
      world.now += 1;
    }
    expect(world.occupancy.size).toBeLessThanOrEqual(20_000);
    world.ends = [1e9, 1e9];
    const entered = await world.occupancy.enter('task-0', world.look, world.now);
    expect(isPlace(entered)).toBe(false);
  });
});

describe('one of several brokers', () => {
  test('asks the store at a quarter of the limit, and then at each quarter of what is left', async () => {
    const world = new World(100, false);
    for (let n = 0; n < 25; n++) await world.enter(60_000);
    expect(world.looks).toBe(0);
    for (let n = 0; n < 75; n++) expect(await world.enter(60_000)).toBe(true);
    expect(await world.enter(60_000)).toBe(false);
    expect(world.looks).toBeGreaterThan(3);
    expect(world.looks).toBeLessThan(25);
  });

  test.each([2, 4, 8])('of %d lets through what docs/limits.md says at most', async (brokers) => {
    const world = new World(100, false);
    const others = Array.from({ length: brokers - 1 }, () => {
      const occupancy = new Occupancy({ alone: false, monotonic: () => world.now });
      occupancy.most = 100;
      return occupancy;
    });
    const all = [world.occupancy, ...others];
    for (let n = 0; n < 1000; n++) await world.enter(60_000, { occupancy: all[n % brokers]! });
    const most = Math.max(100, 25 * brokers) + brokers;
    expect(world.live).toBeGreaterThanOrEqual(100);
    expect(world.live).toBeLessThanOrEqual(most);
  });
});

test('brokers that wait while one fills the limit add a quarter each, and no more', async () => {
  const world = new World(100, false);
  const idle = [1, 2].map(() => {
    const occupancy = new Occupancy({ alone: false, monotonic: () => world.now });
    occupancy.most = 100;
    return occupancy;
  });
  for (let n = 0; n < 200; n++) await world.enter(60_000);
  expect(world.live).toBe(100);
  for (const occupancy of idle) for (let n = 0; n < 200; n++) await world.enter(60_000, { occupancy });
  expect(world.live).toBe(150);
});

describe('ends', () => {
  test('are never counted as fewer than there are, and all are over in the end', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(500), fc.integer({ min: 1, max: 100_000 })), { maxLength: 100 }),
        (given) => {
          const ends = new Ends();
          const real: number[] = [];
          let now = 0;
          for (const [pause, life] of given) {
            now += pause;
            ends.add(now, life);
            real.push(now + life);
            expect(ends.count(now)).toBeGreaterThanOrEqual(real.filter((end) => end > now).length);
          }
          expect(ends.count(now + 200_000)).toBe(0);
        },
      ),
    );
  });

  test('are over no later than an eighth of their life after they were', () => {
    const ends = new Ends();
    ends.add(0, 300_000);
    expect(ends.count(299_999)).toBe(1);
    expect(ends.count(300_000 * 1.125)).toBe(0);
  });
});
