// The store's contract on status lists: an entry for each lease that asks for one, never another's, dead for good once dead.
import { describe, expect, it } from '@jest/globals';
import { DAY_MS, MINUTE_MS } from '../../../src/domain/duration.js';
import type { ActiveLease, Lease } from '../../../src/domain/lease.js';
import type { StatusEntry } from '../../../src/domain/status-list.js';
import { ENTRIES_PER_LIST } from '../../../src/domain/status-list.js';
import type { Scene } from './scene.js';
import { AGENT, OTHER_AGENT, PLENTY, entry, granted, select } from './scene.js';

const LISTED = { listed: true } as const;
const named = ({ list, index }: StatusEntry): string => `${list}/${index}`;
const entryOf = ({ status }: Lease): StatusEntry => {
  if (!status) throw new Error('it stands in no list');
  return status;
};

/** The entries that are told to be alive, in all lists. */
async function alive({ store }: Scene): Promise<string[]> {
  const lists = await store.statusLists();
  const told = await Promise.all(
    lists.map(async (list) => (await store.statusList(list))!.live.map((index) => named({ list, index }))),
  );
  return told.flat().toSorted();
}

const names = (...leases: Lease[]): string[] => leases.map((lease) => named(entryOf(lease))).toSorted();

export function describeStatusLists(begin: () => Promise<Scene>): void {
  describe('status lists', () => {
    it('are none, and no lease stands in any, where none was asked for', async () => {
      const scene = await begin();
      await scene.task('run-1');
      expect(await scene.issue('run-1')).not.toHaveProperty('status');
      expect(await scene.store.statusLists()).toEqual([]);
      for (const id of ['0-1', '0', '99-1', '1e9', '', '../x', '0-99999999999999999999', '9'.repeat(40)])
        expect(await scene.store.statusList(id)).toBeUndefined();
    });

    it('tell which leases are alive, and which are not, whatever ended them', async () => {
      const scene = await begin();
      for (const id of ['run-1', 'run-2', 'run-3', 'run-3.a']) await scene.task(id);
      const of = (task: string, more: object = {}): Promise<ActiveLease> =>
        scene.issue(task, { ...LISTED, ...more });
      const short = await of('run-1', { ttlMs: MINUTE_MS });
      const byName = await of('run-1');
      const byAgent = await of('run-1', { agent: OTHER_AGENT });
      const byTool = await of('run-2', { tool: 'search' });
      const byKey = await of('run-2', { keyId: 'key-2' });
      const byTask = await of('run-3.a');
      const stays = await of('run-1');
      const plain = await scene.issue('run-1');
      const all = [short, byName, byAgent, byTool, byKey, byTask, stays];
      expect(new Set(names(...all)).size).toBe(all.length);
      expect(await scene.store.readLease(stays.id)).toEqual(stays);
      expect(plain).not.toHaveProperty('status');
      expect(await alive(scene)).toEqual(names(...all));

      await scene.revoke(select('lease', byName.id));
      await scene.revoke(select('agent', OTHER_AGENT));
      await scene.revoke(select('tool', 'search'));
      await scene.revoke(select('key', 'key-2'));
      await scene.closeTask('run-3');
      expect(await alive(scene)).toEqual(names(short, stays));
      scene.clock.advance(MINUTE_MS);
      expect(await alive(scene)).toEqual(names(stays));
      await scene.crash();
      expect(await alive(scene)).toEqual(names(stays));
      await scene.revoke(select('all'));
      expect(await alive(scene)).toEqual([]);
    });

    it('keep the entry of a lease that is renewed', async () => {
      const scene = await begin();
      await scene.task('run-1');
      const lease = await scene.issue('run-1', { ...LISTED, ttlMs: MINUTE_MS });
      const renewal = { agent: AGENT, ttlMs: 3 * MINUTE_MS, policyDigest: 'p' };
      const renewed = granted(await scene.store.renewLease(lease.id, renewal, entry('lease.renew')));
      expect(renewed.status).toEqual(lease.status);
      scene.clock.advance(2 * MINUTE_MS);
      expect(await alive(scene)).toEqual(names(lease));
    });

    it('are read on from what was known before: what was dead is not looked at again', async () => {
      const scene = await begin();
      await scene.task('run-1');
      const [first, second] = [await scene.issue('run-1', LISTED), await scene.issue('run-1', LISTED)];
      const { list, index } = entryOf(first);
      const before = (await scene.store.statusList(list))!;
      expect(before).toEqual({ given: 2, live: [index, entryOf(second).index] });
      const third = await scene.issue('run-1', LISTED);
      await scene.revoke(select('lease', first.id));
      const after = { given: 3, live: [entryOf(second).index, entryOf(third).index] };
      expect(await scene.store.statusList(list, before)).toEqual(after);
      expect(await scene.store.statusList(list, { ...before, live: [] })).toEqual({
        given: 3,
        live: [entryOf(third).index],
      });
    });

    it('give an entry once: none again after a crash, nor when all that had one is forgotten', async () => {
      const scene = await begin();
      const given: string[] = [];
      for (let round = 0; round < 3; round++) {
        await scene.task(`run-${round}`);
        for (let n = 0; n < 3; n++) given.push(...names(await scene.issue(`run-${round}`, LISTED)));
        await scene.crash();
      }
      scene.clock.advance(2 * DAY_MS);
      // A list goes when a sweep finds that all of its leases have gone.
      for (let sweeps = 0; sweeps < 4; sweeps++) await scene.store.sweep(PLENTY);
      expect(await scene.store.statusLists()).toEqual([]);
      await scene.task('later');
      given.push(...names(await scene.issue('later', LISTED)));
      expect(new Set(given).size).toBe(given.length);
    });

    it('are as long as each other, and another begins where one is full', async () => {
      const scene = await begin();
      await scene.task('run-1', { ttlMs: 60 * MINUTE_MS });
      const leases: Lease[] = [];
      while (leases.length <= ENTRIES_PER_LIST) {
        const some = Array.from({ length: 512 }, () => scene.issue('run-1', LISTED));
        leases.push(...(await Promise.all(some)));
      }
      const entries = leases.map(entryOf);
      const lists = [...new Set(entries.map(({ list }) => list))];
      expect(lists.toSorted()).toEqual((await scene.store.statusLists()).toSorted());
      expect(lists).toHaveLength(2);
      expect(Math.max(...entries.map(({ index }) => index))).toBe(ENTRIES_PER_LIST - 1);
      const full = (await scene.store.statusList(entries[0]!.list))!;
      expect([full.given, full.live.length]).toEqual([ENTRIES_PER_LIST, ENTRIES_PER_LIST]);
    });
  });
}
