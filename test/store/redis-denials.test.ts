// Denials in Redis: given back where they are lost, done once where an answer is, and gone when they are moot.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/domain/duration.js';
import type { DenyState, WriteClaim } from '../../src/store/deny-store.js';
import { openRedisStore } from '../../src/store/redis/redis-store.js';
import type { Store } from '../../src/store/store.js';
import { StoreUnavailable } from '../../src/store/store.js';
import { SettableClock, TERMS } from '../contract/store/harness.js';
import { PLENTY } from '../contract/store/scene.js';
import { BrokenWire } from '../fixtures/redis/broken-wire.js';
import { hasRedis } from '../fixtures/redis/presence.js';
import { StandaloneRedis } from '../fixtures/redis/standalone.js';
import { QUIET, redisOptions } from './redis-harness.js';

const ROLE = 'reader';

let redis: StandaloneRedis;
let wire: BrokenWire;
/** By a wire that can break. */
let here: Store;
let there: Store;
const clock = new SettableClock();

beforeAll(async () => {
  if (!hasRedis) return;
  redis = await StandaloneRedis.start();
  wire = await BrokenWire.start(redis.server.address);
});
afterAll(async () => {
  await wire?.close();
  await redis?.close();
});
beforeEach(async () => {
  if (!hasRedis) return;
  const servers = { mode: 'standalone', ...wire.address, database: 0 } as const;
  here = await openRedisStore({ redis: redisOptions(redis, { servers }), ...TERMS, clock, log: QUIET });
  there = await openRedisStore({ redis: redisOptions(redis), ...TERMS, clock, log: QUIET });
});
afterEach(async () => {
  await here?.close();
  await there?.close();
  await redis?.flush();
});

const inAnHour = (): number => clock.now() + HOUR_MS;
const denied = (session: string) => ({ session, mintedBy: clock.now(), until: inAnHour() });

async function claimed({ denials }: Store, seen = 0): Promise<WriteClaim> {
  const claim = await denials.claim(ROLE, MINUTE_MS, seen);
  if (!claim) throw new Error('another has it');
  return claim;
}

async function stateOf(store: Store): Promise<DenyState | undefined> {
  const claim = await claimed(store);
  const state = await store.denials.read(claim);
  await store.denials.release(claim);
  return state;
}

const sessions = (state: DenyState | undefined) => state?.denied.map(({ session }) => session).toSorted();

(hasRedis ? describe : describe.skip)('denials in a store that lost them', () => {
  test('are given back by whoever added or read them, before anybody is told what a role denies', async () => {
    const cutOff = { before: clock.now() + 1000, until: inAnHour() };
    expect(await there.denials.seat({ session: 'seated', until: inAnHour() }, [ROLE], 9)).toBe(ROLE);
    await here.denials.add(ROLE, denied('read'));
    expect(sessions(await stateOf(there))).toEqual(['read']);
    await here.denials.add(ROLE, denied('unread'));
    const claim = await claimed(there);
    expect(await there.denials.raise(claim, cutOff)).toBe(true);
    await there.denials.add(ROLE, denied('own'));
    await there.denials.add('other', denied('elsewhere'));
    await there.denials.release(claim);
    await here.close();

    await redis.flush();
    const state = await stateOf(there);
    // What one alone knew that is gone, the role itself has to tell: see the fence below.
    expect(sessions(state)).toEqual(['own', 'read']);
    expect(state?.cutOff).toEqual(cutOff);
    expect(await there.denials.seatOf('seated')).toBe(ROLE);
    expect(await there.denials.seat({ session: 'more', until: inAnHour() }, [ROLE], 1)).toBeUndefined();
  });

  test('are many, and come back all of them, by two brokers that know the half each', async () => {
    const names = Array.from({ length: 130 }, (_, n) => `session-${String(n).padStart(3, '0')}`);
    await Promise.all(names.map((name, n) => (n % 2 ? here : there).denials.add(ROLE, denied(name))));
    await redis.flush();
    await Promise.all([here.now(), there.now()]);
    expect(sessions(await stateOf(there))).toEqual(names);
  });

  test('are given back where the claim was kept and what came after it was not, as a replica that was behind has it', async () => {
    const claim = await claimed(there);
    await there.denials.release(claim);
    const keys = (await redis.server.cli('KEYS', 'mayfly:*')) as string[];
    for (const key of keys) await redis.server.cli('COPY', key, `kept:${key}`);
    await there.denials.add(ROLE, denied('late'));
    expect(sessions(await stateOf(there))).toEqual(['late']);
    // All at once, or a broker would look in between.
    const putBack = keys.map((key) => `redis.call('COPY', 'kept:${key}', '${key}', 'REPLACE')`).join('\n');
    await redis.server.cli('EVAL', `redis.call('DEL', 'mayfly:{s00}:denied:${ROLE}')\n${putBack}`, '0');
    expect(sessions(await stateOf(there))).toEqual(['late']);
  });

  test('begin with a low fence, so that a document with a higher one shows that something was lost', async () => {
    for (let n = 0; n < 5; n++) await there.denials.release(await claimed(there));
    const last = await claimed(there);
    await redis.flush();
    const next = await claimed(there);
    expect(next.fence).toBeLessThanOrEqual(last.fence);
    await there.denials.release(next);
    expect((await claimed(there, last.fence)).fence).toBeGreaterThan(last.fence);
  });
});

(hasRedis ? describe : describe.skip)('of a call about denials whose answer was lost', () => {
  // Redis knows the scripts: what is lost is the answer of one that has run.
  beforeEach(async () => {
    const { denials } = there;
    await denials.seat({ session: 's1', until: inAnHour() }, ['other'], 1);
    await denials.unseat('s1');
    await denials.add('other', denied('s1'));
    const claim = await denials.claim('other', MINUTE_MS, 0);
    await denials.raise(claim!, { before: 1, until: 2 });
    await denials.release(claim!);
  });

  test('a claim is the caller’s own, and nobody else’s', async () => {
    const { swallowed } = wire;
    wire.swallowAnswerTo(ROLE);
    const claim = await claimed(here);
    expect(wire.swallowed).toBe(swallowed + 1);
    expect(claim.fence).toBe(1);
    expect(await there.denials.claim(ROLE, MINUTE_MS, 0)).toBeUndefined();
    expect(await here.denials.read(claim)).toEqual({ denied: [] });
  });

  test('a seat is one, an addition is there, a cut-off is raised, and a release releases', async () => {
    const cutOff = { before: clock.now(), until: inAnHour() };
    wire.swallowAnswerTo('session-1');
    expect(await here.denials.seat({ session: 'session-1', until: inAnHour() }, [ROLE], 1)).toBe(ROLE);
    expect(await there.denials.seat({ session: 'session-2', until: inAnHour() }, [ROLE], 1)).toBeUndefined();
    wire.swallowAnswerTo('session-1');
    await here.denials.add(ROLE, denied('session-1'));
    const claim = await claimed(here);
    wire.swallowAnswerTo(ROLE);
    expect(await here.denials.raise(claim, cutOff)).toBe(true);
    wire.swallowAnswerTo(ROLE);
    await here.denials.release(claim);
    expect(await stateOf(there)).toEqual({ denied: [denied('session-1')], cutOff });
    wire.swallowAnswerTo('session-1');
    await here.denials.unseat('session-1');
    expect(await there.denials.seat({ session: 'session-2', until: inAnHour() }, [ROLE], 1)).toBe(ROLE);
  });
});

(hasRedis ? describe : describe.skip)('denials', () => {
  test('leave nothing behind when they are moot but one record of their role', async () => {
    const keys = async () => ((await redis.server.cli('KEYS', '*')) as string[]).toSorted();
    const before = await keys();
    for (let n = 0; n < 25; n++) {
      await there.denials.seat({ session: `session-${n}`, until: inAnHour() }, [ROLE], 100);
      await there.denials.add(ROLE, denied(`session-${n}`));
    }
    const claim = await claimed(there);
    await there.denials.raise(claim, { before: clock.now(), until: inAnHour() });
    expect(await keys()).not.toEqual(before);
    clock.advance(HOUR_MS + DAY_MS);
    for (let changed = 1; changed > 0;) ({ changed } = await there.sweep(PLENTY));
    expect(await keys()).toEqual([...before, 'mayfly:{s00}:denying'].toSorted());
    expect(await redis.server.cli('HLEN', 'mayfly:{s00}:denying')).toBe(1);
  });

  test('are taken although the memory is full; seats are not given', async () => {
    await there.denials.seat({ session: 's1', until: inAnHour() }, [ROLE], 9);
    await redis.server.cli('CONFIG', 'SET', 'maxmemory', '1mb');
    try {
      const seat = { session: 's2', until: inAnHour() };
      await expect(there.denials.seat(seat, [ROLE], 9)).rejects.toThrow(StoreUnavailable);
      expect(await there.denials.seatOf('s1')).toBe(ROLE);
      await there.denials.add(ROLE, denied('s1'));
      const claim = await claimed(there);
      expect(sessions(await there.denials.read(claim))).toEqual(['s1']);
      expect(await there.denials.raise(claim, { before: clock.now(), until: inAnHour() })).toBe(true);
      await there.denials.release(claim);
      await there.denials.unseat('s1');
    } finally {
      await redis.server.cli('CONFIG', 'SET', 'maxmemory', '0');
    }
  });
});
