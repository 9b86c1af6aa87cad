// The store's contract on denials: nothing that is to be denied is lost, nobody writes beside another, no seat is given twice.
import { describe, expect, it } from '@jest/globals';
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../../../src/domain/duration.js';
import type { Denied, DenyState, DenyStore, WriteClaim } from '../../../src/store/deny-store.js';
import { StoreUnavailable } from '../../../src/store/store.js';
import { tellDenials } from './denials-model.js';
import { TERMS } from './harness.js';
import type { Scene } from './scene.js';

const ROLE = 'reader';
const CLAIM_MS = 20 * SECOND_MS;

const seat = (scene: Scene, session: string, forMs = HOUR_MS) => ({
  session,
  until: scene.clock.now() + forMs,
});
const denied = (scene: Scene, session: string, forMs = HOUR_MS): Denied => ({
  session,
  mintedBy: scene.clock.now() + SECOND_MS,
  until: scene.clock.now() + forMs,
});
const sessions = (state: DenyState | undefined): string[] | undefined =>
  state?.denied.map(({ session }) => session).toSorted();

async function claimed(denials: DenyStore, role = ROLE, seen = 0): Promise<WriteClaim> {
  const claim = await denials.claim(role, CLAIM_MS, seen);
  if (!claim) throw new Error(`another has ${role}`);
  return claim;
}

/** What anybody who claims the role now is told. */
async function stateOf({ store: { denials } }: Scene, role = ROLE): Promise<DenyState> {
  const claim = await claimed(denials, role);
  const state = await denials.read(claim);
  await denials.release(claim);
  if (!state) throw new Error(`${role} was overtaken`);
  return state;
}

/** Names that a store could stumble over, all of them different. */
const ODD = [
  'x'.repeat(512),
  'x'.repeat(511),
  '123456789012 reader',
  '123456789012\nreader',
  'https://iam.example:8443/{s01}/reader',
  "'; DROP TABLE seat; --",
  '{"role":"\\"}',
  '%s%d%.0f',
  'Ünïcödé 🦋',
  'line\r\nbreak\ttab\u0001one',
  'a:b',
  'a',
  'b',
];

export function describeDenials(begin: () => Promise<Scene>, stories = 25): void {
  describe('denials', () => {
    tellDenials(begin, stories);
  });

  describe('a seat on a role', () => {
    it('is on the role that has most room, and the same one again, whatever else is asked', async () => {
      const scene = await begin();
      const { denials } = scene.store;
      const roles = ['a', 'b', 'c'];
      expect(await denials.seat(seat(scene, 's1'), ['b'], 2)).toBe('b');
      expect(await denials.seat(seat(scene, 's2'), ['b', 'a'], 2)).toBe('a');
      expect(await denials.seat(seat(scene, 's3'), roles, 2)).toBe('c');
      const others = [await denials.seat(seat(scene, 's4'), roles, 2)];
      others.push(await denials.seat(seat(scene, 's5'), roles, 2));
      others.push(await denials.seat(seat(scene, 's6'), roles, 2));
      expect(new Set(others)).toEqual(new Set(roles));
      expect(await denials.seat(seat(scene, 's7'), roles, 2)).toBeUndefined();
      expect(await denials.seat(seat(scene, 's1', 2 * HOUR_MS), ['c'], 1)).toBe('b');
      await scene.crash();
      expect(await scene.store.denials.seat(seat(scene, 's2'), roles, 2)).toBe('a');
      expect(await scene.store.denials.seat(seat(scene, 's7'), roles, 2)).toBeUndefined();
      expect(await scene.store.denials.seatOf('s7')).toBeUndefined();
    });

    it('is never one too many, however many ask at once and wherever', async () => {
      const scene = await begin();
      const brokers = [scene.store.denials, (await scene.beside()).denials];
      const roles = ['a', 'b', 'c'];
      const names = Array.from({ length: 200 }, (_, n) => `session-${n}`);
      const given = await Promise.all(
        names.map((name, n) => brokers[n % 2]!.seat(seat(scene, name), roles, 50)),
      );
      const count = (role: string | undefined) => given.filter((one) => one === role).length;
      expect([...roles, undefined].map(count)).toEqual([50, 50, 50, 50]);
      expect(await Promise.all(names.map((name) => brokers[1]!.seatOf(name)))).toEqual(given);
    });

    it('is one, of a session that several ask for at once, and takes the room of one', async () => {
      const scene = await begin();
      const brokers = [scene.store.denials, (await scene.beside()).denials];
      const asked = Array.from({ length: 24 }, (_, n) =>
        brokers[n % 2]!.seat(seat(scene, `session-${n % 3}`), n % 4 < 2 ? ['a', 'b'] : ['b', 'a'], 2),
      );
      const given = await Promise.all(asked);
      for (let n = 0; n < 3; n++) {
        const answers = new Set(given.filter((_, index) => index % 3 === n));
        expect([...answers]).toEqual([await brokers[0]!.seatOf(`session-${n}`)]);
      }
      expect(await brokers[0]!.seat(seat(scene, 'last'), ['a', 'b'], 2)).toBeDefined();
      expect(await brokers[1]!.seat(seat(scene, 'more'), ['a', 'b'], 2)).toBeUndefined();
    });

    it('is another’s when its time is over, or when its session never came to be, which is forgotten', async () => {
      const scene = await begin();
      const { denials } = scene.store;
      await denials.seat(seat(scene, 's1', MINUTE_MS), [ROLE], 2);
      await denials.seat(seat(scene, 's2'), [ROLE], 2);
      scene.clock.advance(MINUTE_MS - 1);
      expect(await denials.seat(seat(scene, 's3'), [ROLE], 2)).toBeUndefined();
      scene.clock.advance(1);
      expect(await denials.seat(seat(scene, 's3'), [ROLE], 2)).toBe(ROLE);
      expect(await denials.seat(seat(scene, 's1'), [ROLE], 2)).toBe(ROLE);
      expect(await denials.seat(seat(scene, 's4'), [ROLE], 2)).toBeUndefined();
      await denials.unseat('s2');
      await denials.unseat('s2');
      await denials.unseat('never');
      expect(await denials.seatOf('s2')).toBeUndefined();
      expect(await denials.seat(seat(scene, 's4'), [ROLE], 2)).toBe(ROLE);
      expect(await denials.seat(seat(scene, 's2'), [ROLE], 2)).toBeUndefined();
    });

    it('is known for as long as ended leases are kept, and then forgotten', async () => {
      const scene = await begin();
      await scene.store.denials.seat(seat(scene, 's1', MINUTE_MS), [ROLE], 1);
      scene.clock.advance(MINUTE_MS + TERMS.retention.leaseMs - 1);
      await scene.sweep();
      await scene.crash();
      expect(await scene.store.denials.seatOf('s1')).toBe(ROLE);
      scene.clock.advance(1);
      await scene.sweep();
      expect(await scene.store.denials.seatOf('s1')).toBeUndefined();
      expect(await scene.store.denials.seat(seat(scene, 's1'), ['other'], 1)).toBe('other');
    });

    it('is on no role whose cut-off lies ahead, until it has passed', async () => {
      const scene = await begin();
      const { denials } = scene.store;
      await denials.seat(seat(scene, 'before'), [ROLE], 9);
      const cutOff = { before: scene.clock.now() + 5 * SECOND_MS, until: scene.clock.now() + HOUR_MS };
      expect(await denials.raise(await claimed(denials), cutOff)).toBe(true);
      expect(await denials.seat(seat(scene, 's1'), [ROLE], 9)).toBeUndefined();
      expect(await denials.seat(seat(scene, 's1'), [ROLE, 'other'], 9)).toBe('other');
      expect(await denials.seat(seat(scene, 'before'), [ROLE], 9)).toBe(ROLE);
      scene.clock.advance(5 * SECOND_MS);
      expect(await denials.seat(seat(scene, 's2'), [ROLE], 9)).toBe(ROLE);
    });
  });

  describe('what a role is to deny', () => {
    it('is all that was added, by anybody, whatever crashed since', async () => {
      const scene = await begin();
      const there = await scene.beside();
      const entries = Array.from({ length: 40 }, (_, n) => denied(scene, `session-${n}`));
      await Promise.all(entries.map((one, n) => (n % 2 ? there : scene.store).denials.add(ROLE, one)));
      const all = entries.map(({ session }) => session).toSorted();
      expect(sessions(await stateOf(scene))).toEqual(all);
      await scene.crash();
      expect(sessions(await stateOf(scene))).toEqual(all);
      expect(await stateOf(scene, 'other')).toEqual({ denied: [] });
    });

    it('holds the later times of what was added twice', async () => {
      const scene = await begin();
      const { denials } = scene.store;
      const [long, short] = [denied(scene, 's1', 2 * HOUR_MS), denied(scene, 's1')];
      await denials.add(ROLE, long);
      await denials.add(ROLE, { ...short, mintedBy: short.mintedBy + 5 });
      await denials.add(ROLE, short);
      expect(await stateOf(scene)).toEqual({ denied: [{ ...long, mintedBy: short.mintedBy + 5 }] });
    });

    it('is without what is moot by the store’s time, swept or not', async () => {
      const scene = await begin();
      const { denials } = scene.store;
      await denials.add(ROLE, denied(scene, 'short', MINUTE_MS));
      await denials.add(ROLE, denied(scene, 'long', DAY_MS));
      scene.clock.advance(MINUTE_MS - 1);
      await scene.sweep();
      expect(sessions(await stateOf(scene))).toEqual(['long', 'short']);
      scene.clock.advance(1);
      expect(sessions(await stateOf(scene))).toEqual(['long']);
      await scene.sweep();
      expect(sessions(await stateOf(scene))).toEqual(['long']);
      // Moot once is not moot for good: what is added anew counts by its own times.
      await denials.add(ROLE, denied(scene, 'short', MINUTE_MS));
      expect(sessions(await stateOf(scene))).toEqual(['long', 'short']);
    });

    it('has a cut-off that never goes back, until it is moot', async () => {
      const scene = await begin();
      const { denials } = scene.store;
      const now = scene.clock.now();
      const raise = async (before: number, until: number) => {
        const claim = await claimed(denials);
        expect(await denials.raise(claim, { before, until })).toBe(true);
        await denials.release(claim);
      };
      await raise(now + 2000, now + HOUR_MS);
      await raise(now + 1000, now + MINUTE_MS);
      expect((await stateOf(scene)).cutOff).toEqual({ before: now + 2000, until: now + HOUR_MS });
      await raise(now + 3000, now + MINUTE_MS);
      await scene.crash();
      expect((await stateOf(scene)).cutOff).toEqual({ before: now + 3000, until: now + HOUR_MS });
      expect((await stateOf(scene, 'other')).cutOff).toBeUndefined();
      scene.clock.advance(HOUR_MS);
      expect(await stateOf(scene)).toEqual({ denied: [] });
    });
  });

  describe('the claim to write what a role denies', () => {
    it('is one’s alone, however many ask at once, for its time by the store’s clock or until it is released', async () => {
      const scene = await begin();
      const brokers = [scene.store.denials, (await scene.beside()).denials];
      const fences: number[] = [];
      for (const end of ['release', 'time', 'release'] as const) {
        const asked = Array.from({ length: 20 }, (_, n) => brokers[n % 2]!.claim(ROLE, CLAIM_MS, 0));
        const [claim, ...more] = (await Promise.all(asked)).filter((one) => one !== undefined);
        expect([claim?.role, more]).toEqual([ROLE, []]);
        fences.push(claim!.fence);
        scene.clock.advance(CLAIM_MS - 1);
        expect(await brokers[0]!.claim(ROLE, CLAIM_MS, 0)).toBeUndefined();
        expect(await brokers[1]!.claim('other', 1, 0)).toBeDefined();
        if (end === 'time') scene.clock.advance(1);
        else await brokers[1]!.release(claim!);
      }
      expect(fences).toEqual(fences.toSorted((one, other) => one - other));
      expect(new Set(fences).size).toBe(3);
    });

    it('is good until somebody overtakes it, and then for nothing', async () => {
      const scene = await begin();
      const { denials } = scene.store;
      const cutOff = { before: scene.clock.now() + 1000, until: scene.clock.now() + HOUR_MS };
      await denials.add(ROLE, denied(scene, 's1'));
      const slow = await claimed(denials);
      scene.clock.advance(CLAIM_MS);
      expect(sessions(await denials.read(slow))).toEqual(['s1']);
      const quick = await claimed(denials);
      expect(await denials.read(slow)).toBeUndefined();
      expect(await denials.raise(slow, cutOff)).toBe(false);
      await denials.release(slow);
      expect(await denials.claim(ROLE, CLAIM_MS, 0)).toBeUndefined();
      expect(await denials.read(quick)).toEqual({ denied: [expect.objectContaining({ session: 's1' })] });
      expect(await denials.raise(quick, cutOff)).toBe(true);
      await denials.release(quick);
    });

    it('has a fence above all before it and above what was seen at the role, also after a crash', async () => {
      const scene = await begin();
      let last = 0;
      const next = async (seen: number): Promise<number> => {
        const claim = await claimed(scene.store.denials, ROLE, seen);
        await scene.store.denials.release(claim);
        expect(claim.fence).toBeGreaterThan(Math.max(last, seen));
        return (last = claim.fence);
      };
      for (const seen of [0, 0, 41, 3]) await next(seen);
      await scene.crash();
      for (const seen of [0, 2 * last, 0]) await next(seen);
      scene.clock.advance(400 * DAY_MS);
      await scene.sweep();
      await next(0);
      // Small numbers, because a role that bears a higher one is how a restored store is found out.
      expect(last).toBeLessThan(1000);
    });

    it('does not outlast a crash by more than its time, and is not somebody else’s after it', async () => {
      const scene = await begin();
      const claim = await claimed(scene.store.denials);
      await scene.crash();
      scene.clock.advance(CLAIM_MS);
      expect((await claimed(scene.store.denials)).fence).toBeGreaterThan(claim.fence);
      expect(await scene.store.denials.read(claim)).toBeUndefined();
    });
  });

  describe('roles', () => {
    it('are told apart by any name, up to 512 characters', async () => {
      const scene = await begin();
      const { denials } = scene.store;
      for (const [n, role] of ODD.entries()) {
        expect(await denials.seat(seat(scene, `session-${n}`), [role], 1)).toBe(role);
        await denials.add(role, denied(scene, `session-${n}`));
      }
      await scene.crash();
      for (const [n, role] of ODD.entries()) {
        expect(await scene.store.denials.seatOf(`session-${n}`)).toBe(role);
        const claim = await claimed(scene.store.denials, role);
        expect(claim).toEqual({ role, fence: 1 });
        expect(sessions(await scene.store.denials.read(claim))).toEqual([`session-${n}`]);
      }
    });
  });

  describe('denials of a store that is closed', () => {
    it('are unavailable, every call', async () => {
      const scene = await begin();
      const { denials } = scene.store;
      const claim = await claimed(denials);
      await scene.store.close();
      const calls: Record<keyof DenyStore, () => Promise<unknown>> = {
        seat: () => denials.seat(seat(scene, 's1'), [ROLE], 1),
        seatOf: () => denials.seatOf('s1'),
        unseat: () => denials.unseat('s1'),
        add: () => denials.add(ROLE, denied(scene, 's1')),
        claim: () => denials.claim(ROLE, CLAIM_MS, 0),
        read: () => denials.read(claim),
        raise: () => denials.raise(claim, { before: 1, until: 2 }),
        release: () => denials.release(claim),
      };
      for (const call of Object.values(calls)) await expect(call()).rejects.toThrow(StoreUnavailable);
    });
  });
}
