// A thousand sessions over a pool of roles: each has a place, and all of them can be denied by name at a time.
import { expect, test } from '@jest/globals';
import { DenyList } from '../../../src/minters/aws-sts/deny-list.js';
import {
  documentsOf,
  inlineSize,
  MAX_INLINE_SIZE,
  seatsFor,
} from '../../../src/minters/aws-sts/deny-document.js';
import { RolePolicies } from '../../../src/minters/aws-sts/role-policies.js';
import { systemClock } from '../../../src/domain/clock.js';
import { chance, leaseId } from '../../../src/domain/ids.js';
import { Ceph, hasCeph } from '../../fixtures/ceph.js';
import { DenyMemory } from '../../fixtures/deny-memory.js';

const SESSIONS = 1000;

(hasCeph ? test : test.skip)(
  'a thousand sessions over a pool of roles are denied one by one and all at a time, none of them by a cut-off',
  async () => {
    const ceph = await Ceph.start();
    try {
      const clock = systemClock();
      const iam = ceph.iam();
      const policies = new RolePolicies(iam, 5000);
      const store = new DenyMemory(clock);
      const cutOffs: string[] = [];
      const list = new DenyList({
        policies,
        store,
        clock,
        pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
        onCutOff: (role) => void cutOffs.push(role),
      });

      const first = await ceph.role('pool-0', []);
      const { foreignSize } = documentsOf(await policies.all(first.name));
      const seats = seatsFor(first.id, leaseId(0, 0, chance()).length, foreignSize);
      const roles = [first.name];
      while (roles.length * seats < SESSIONS) roles.push((await ceph.role(`pool-${roles.length}`, [])).name);

      const times = { mintedBy: clock.now(), until: clock.now() + 3_600_000 };
      const sessions = await Promise.all(
        Array.from({ length: SESSIONS }, async (_, index) => {
          const session = leaseId(clock.now(), index % 64, chance());
          return { session, role: (await store.seat({ session, until: times.until }, roles, seats))! };
        }),
      );
      // Each role's one after the other, which is what needs most room; the roles at once.
      await Promise.all(
        roles.map(async (role) => {
          for (const { session } of sessions.filter((one) => one.role === role))
            await list.kill(role, { session, ...times });
        }),
      );
      for (const role of roles) {
        const found = await policies.all(role);
        const named = new Set(documentsOf(found).ours.flatMap(({ entries }) => [...entries]));
        expect(named.size).toBe(sessions.filter((one) => one.role === role).length);
        expect(found.reduce((sum, { text }) => sum + inlineSize(text), 0)).toBeLessThan(MAX_INLINE_SIZE);
      }
      expect(cutOffs).toEqual([]);
      iam.destroy();
    } finally {
      await ceph.close();
    }
  },
  180_000,
);
