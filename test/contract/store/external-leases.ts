// The store's contract on leases of external credentials: lease before secret (invariant 2), and killed until confirmed.
import { describe, expect, it } from '@jest/globals';
import { MINUTE_MS, SECOND_MS } from '../../../src/domain/duration.js';
import type { LeaseId } from '../../../src/domain/ids.js';
import type { Scene } from './scene.js';
import {
  AGENT,
  entry,
  externalRequest,
  granted,
  MINT_DEADLINE_MS,
  PLENTY,
  reasonOf,
  select,
} from './scene.js';

export function describeExternalLeases(begin: () => Promise<Scene>): void {
  describe('reserving and activating', () => {
    it('makes a lease that is reserved until its mint is done, then active', async () => {
      const scene = await begin();
      await scene.task('run-1');
      const reserved = await scene.reserve('run-1');
      expect(reserved.state).toBe('reserved');
      expect(await scene.store.readLease(reserved.id)).toEqual(reserved);
      const active = await scene.activate(reserved.id);
      expect(active).toEqual({ ...reserved, state: 'active' });
      expect(await scene.store.readLease(reserved.id)).toEqual(active);
      expect(await scene.due()).toEqual([]);
    });

    it('takes an earlier end from the target, in whole seconds, never a later one', async () => {
      const scene = await begin();
      await scene.task('run-1');
      const [first, second] = [await scene.reserve('run-1'), await scene.reserve('run-1')];
      const activate = async (id: LeaseId, expiresAt: number): Promise<number> =>
        granted(await scene.store.activateLease(id, { expiresAt }, entry())).expiresAt;
      expect(await activate(first.id, first.expiresAt - 1_500)).toBe(first.expiresAt - 2_000);
      expect(await activate(second.id, second.expiresAt + 9_999)).toBe(second.expiresAt);
    });

    type Ending = (scene: Scene, id: LeaseId) => unknown;
    it.each<[string, Ending, object, number?]>([
      ['its task was closed', (scene) => scene.closeTask('run-1'), { cause: 'task', name: 'run-1' }],
      [
        'its agent was killed',
        (scene) => scene.revoke(select('agent', AGENT)),
        { cause: 'agent', name: AGENT },
      ],
      [
        'it was released',
        (scene, id) => scene.revoke(select('lease', id)),
        { cause: 'lease', name: expect.any(String) },
      ],
      ['its mint’s deadline', (scene) => scene.clock.advance(MINT_DEADLINE_MS), { cause: 'mint_unknown' }],
      [
        'its mint was given up',
        (scene, id) => scene.store.abandonLease(id, 'mint_unknown', entry()),
        { cause: 'mint_unknown' },
      ],
      ['it had run out', (scene) => scene.clock.advance(20 * SECOND_MS), { cause: 'ttl' }, 20 * SECOND_MS],
    ])(
      'refuses to activate after %s, and has the fresh secret killed at once, once',
      async (_, end, ended, ttlMs = MINUTE_MS) => {
        const scene = await begin();
        await scene.task('run-1');
        const lease = await scene.reserve('run-1', { ttlMs });
        await end(scene, lease.id);
        const activation = { sealedSecret: 'sealed' };
        expect(reasonOf(await scene.store.activateLease(lease.id, activation, entry()))).toBe('lease_ended');

        const [claimed, ...more] = await scene.due();
        expect(more).toEqual([]);
        expect(claimed).toMatchObject({
          lease: { id: lease.id, state: 'revoking', ended },
          sealedSecret: 'sealed',
        });
        expect(await scene.settle(claimed!)).toBe(true);
        expect(['revoked', 'expired']).toContain(await scene.standing(lease.id));
        scene.clock.advance(MINUTE_MS);
        expect(await scene.due()).toEqual([]);
      },
    );

    it('takes back a kill that is under way when the mint comes in late: it may have come before the mint', async () => {
      const scene = await begin();
      await scene.task('run-1');
      const lease = await scene.reserve('run-1');
      await scene.closeTask('run-1');
      const [early] = await scene.due();
      expect(reasonOf(await scene.store.activateLease(lease.id, {}, entry()))).toBe('lease_ended');
      expect(await scene.settle(early!)).toBe(false);
      const [claimed] = await scene.due();
      expect(claimed?.lease.id).toBe(lease.id);
    });

    it('refuses a second activation, and one of no lease', async () => {
      const scene = await begin();
      await scene.task('run-1');
      const lease = await scene.external('run-1');
      expect(reasonOf(await scene.store.activateLease(lease.id, {}, entry()))).toBe('lease_ended');
      expect(await scene.standing(lease.id)).toBe('active');
      await scene.closeTask('run-1');
      const [claimed] = await scene.due();
      expect(reasonOf(await scene.store.activateLease(lease.id, {}, entry()))).toBe('lease_ended');
      expect(await scene.settle(claimed!)).toBe(true);
      const nobody = 'lease_0'.padEnd(34, '0') as LeaseId;
      expect(reasonOf(await scene.store.activateLease(nobody, {}, entry()))).toBe('lease_unknown');
    });

    it('is refused for the same reasons as an issuance', async () => {
      const scene = await begin();
      await scene.task('run-1');
      await scene.closeTask('run-1');
      expect(reasonOf(await scene.store.reserveLease(externalRequest('run-1'), entry()))).toBe('task_closed');
      expect(reasonOf(await scene.store.reserveLease(externalRequest('run-9'), entry()))).toBe(
        'task_unknown',
      );
    });
  });

  describe('a mint whose outcome is unknown', () => {
    it('is killed now, stays revoking until past its own deadline, and is killed once more', async () => {
      const scene = await begin();
      await scene.task('run-1');
      const lease = await scene.reserve('run-1');
      await scene.store.abandonLease(lease.id, 'mint_unknown', entry());
      await scene.settleAll();
      expect(await scene.standing(lease.id)).toBe('revoking');
      expect((await scene.store.sweep(PLENTY)).nextDueAt).toBe(lease.issuedAt + MINT_DEADLINE_MS);

      scene.clock.advance(MINT_DEADLINE_MS - 1);
      expect(await scene.due()).toEqual([]);
      scene.clock.advance(1);
      await scene.settleAll();
      expect(await scene.store.readLease(lease.id)).toMatchObject({
        state: 'revoked',
        ended: { cause: 'mint_unknown' },
        confirmedAt: lease.issuedAt + MINT_DEADLINE_MS,
      });
    });

    it('is found by its deadline where nobody came back from it', async () => {
      const scene = await begin();
      await scene.task('run-1');
      const lease = await scene.reserve('run-1');
      expect(await scene.due()).toEqual([]);
      scene.clock.advance(MINT_DEADLINE_MS);
      expect(await scene.due()).toMatchObject([
        { lease: { id: lease.id, ended: { cause: 'mint_unknown' } } },
      ]);
    });

    it('is killed when its lease runs out, if that is before, and once more after its own deadline', async () => {
      const scene = await begin();
      await scene.task('run-1');
      const lease = await scene.reserve('run-1', { ttlMs: SECOND_MS });
      expect((await scene.store.sweep(PLENTY)).nextDueAt).toBe(lease.expiresAt);
      scene.clock.advance(SECOND_MS);
      await scene.settleAll();
      expect(await scene.standing(lease.id)).toBe('revoking');
      scene.clock.advance(MINT_DEADLINE_MS);
      await scene.settleAll();
      expect(await scene.standing(lease.id)).toBe('expired');
    });

    it('stays what it was when its lease had ended otherwise before', async () => {
      const scene = await begin();
      await scene.task('run-1');
      const [killed, active] = [await scene.reserve('run-1'), await scene.external('run-1')];
      await scene.revoke(select('lease', killed.id));
      await scene.store.abandonLease(killed.id, 'mint_failed', entry());
      await scene.store.abandonLease(active.id, 'mint_failed', entry());
      expect(await scene.store.readLease(killed.id)).toMatchObject({
        state: 'revoking',
        ended: { cause: 'lease' },
      });
      expect(await scene.standing(active.id)).toBe('active');
    });
  });

  describe('killing at the target', () => {
    it('is due once a lease has ended: by its time, its release, its task, or a wide kill', async () => {
      const scene = await begin();
      for (const id of ['run-1', 'run-2']) await scene.task(id);
      const lapsed = await scene.external('run-1', { ttlMs: SECOND_MS });
      const released = await scene.external('run-1');
      const ofTask = await scene.external('run-2');
      const ofTool = await scene.external('run-1', { tool: 'warehouse' });
      const alive = await scene.external('run-1');
      await scene.revoke(select('lease', released.id), { reason: 'done' });
      await scene.closeTask('run-2');
      await scene.revoke(select('tool', 'warehouse'));
      scene.clock.advance(SECOND_MS);
      const causes = new Map((await scene.due()).map(({ lease }) => [lease.id, lease.ended?.cause]));
      expect(causes).toEqual(
        new Map([
          [lapsed.id, 'ttl'],
          [released.id, 'lease'],
          [ofTask.id, 'task'],
          [ofTool.id, 'tool'],
        ]),
      );
      await scene.settleAll();
      expect(await scene.standing(alive.id)).toBe('active');
    });

    it('names the end after what came first: what had run out by itself ends expired, what was killed revoked', async () => {
      const scene = await begin();
      await scene.task('run-1');
      const lapsed = await scene.external('run-1', { ttlMs: SECOND_MS });
      const killed = await scene.external('run-1');
      scene.clock.advance(SECOND_MS);
      await scene.closeTask('run-1');
      await scene.settleAll();
      expect(await scene.standing(lapsed.id)).toBe('expired');
      expect(await scene.standing(killed.id)).toBe('revoked');
    });

    it('is lent to one at a time, again when the window is over, and settled by the last that borrowed it', async () => {
      const scene = await begin();
      await scene.task('run-1');
      await scene.external('run-1');
      await scene.closeTask('run-1');
      const [slow] = await scene.due(MINUTE_MS);
      scene.clock.advance(MINUTE_MS - 1);
      expect(await scene.due()).toEqual([]);
      scene.clock.advance(1);
      const [quick] = await scene.due(MINUTE_MS);
      expect(quick!.claim).not.toBe(slow!.claim);
      expect(await scene.settle(slow!)).toBe(false);
      expect(await scene.standing(slow!.lease.id)).toBe('revoking');
      expect(await scene.settle(quick!)).toBe(true);
      expect(await scene.settle(quick!)).toBe(false);
      expect(await scene.standing(slow!.lease.id)).toBe('revoked');
    });

    it('is done once more where it began before the mint’s deadline, however late it was confirmed', async () => {
      const scene = await begin();
      await scene.task('run-1');
      const { id } = await scene.reserve('run-1');
      await scene.closeTask('run-1');
      const [early] = await scene.due(10 * MINUTE_MS);
      scene.clock.advance(MINT_DEADLINE_MS);
      expect(await scene.settle(early!)).toBe(true);
      expect(await scene.standing(id)).toBe('revoking');
      const [late] = await scene.due();
      await scene.settle(late!);
      expect(await scene.standing(id)).toBe('revoked');
    });

    it('never lends one credential to two who ask at the same time', async () => {
      const scene = await begin();
      await scene.task('run-1');
      await Promise.all(Array.from({ length: 20 }, () => scene.external('run-1')));
      await scene.closeTask('run-1');
      await scene.sweep();
      const lent = await Promise.all(Array.from({ length: 8 }, () => scene.store.claimDue(5, MINUTE_MS)));
      const ids = lent.flat().map(({ lease }) => lease.id);
      expect(ids).toHaveLength(20);
      expect(new Set(ids).size).toBe(20);
      expect(Math.max(...lent.map((some) => some.length))).toBe(5);
    });

    it('is tried again after a failure, when it is told to be, and counts the attempts', async () => {
      const scene = await begin();
      await scene.task('run-1');
      await scene.external('run-1');
      await scene.closeTask('run-1');
      const [first] = await scene.due();
      expect(first!.attempts).toBe(0);
      expect(await scene.settle(first!, { kind: 'failed', retryAfterMs: 7_000, error: 'refused' })).toBe(
        true,
      );
      expect((await scene.store.sweep(PLENTY)).nextDueAt).toBe(scene.clock.now() + 7_000);
      scene.clock.advance(6_999);
      expect(await scene.due()).toEqual([]);
      scene.clock.advance(1);
      const [second] = await scene.due();
      expect(second!.attempts).toBe(1);
    });

    it('ends irrevocable where it cannot be done: loudly, for a human, and the task is accounted for', async () => {
      const scene = await begin();
      await scene.task('run-1');
      const lease = await scene.external('run-1');
      await scene.closeTask('run-1');
      const [claimed] = await scene.due();
      await scene.settle(claimed!, { kind: 'irrevocable', error: 'the target is gone' });
      expect(await scene.standing(lease.id)).toBe('irrevocable');
      expect(await scene.taskState('run-1')).toBe('settled');
      const [event] = await scene.store.auditEvents({ lease: lease.id, limit: 1 });
      expect(event).toMatchObject({
        action: 'lease.settle',
        outcome: 'failed',
        detail: { error: 'the target is gone' },
      });
    });

    it('keeps the sealed secret until the kill is settled, and not a moment longer', async () => {
      const scene = await begin();
      await scene.task('run-1');
      const { id } = await scene.activate((await scene.reserve('run-1')).id, 'sealed');
      await scene.closeTask('run-1');
      const [first] = await scene.due();
      expect(first!.sealedSecret).toBe('sealed');
      await scene.settle(first!, { kind: 'failed', retryAfterMs: 0, error: 'again' });
      const [second] = await scene.due();
      expect(second!.sealedSecret).toBe('sealed');
      await scene.settle(second!);
      expect(JSON.stringify(await scene.store.readLease(id))).not.toContain('sealed');
    });

    it('is told of an active lease of a tool for as long as it is active, and of nothing else', async () => {
      const scene = await begin();
      for (const id of ['run-1', 'run-2', 'run-3']) await scene.task(id);
      const active = async (tool: string): Promise<string[]> => {
        const ids: string[] = [];
        for await (const some of scene.store.activeAtTarget(tool)) ids.push(...some.map(({ id }) => id));
        return ids.toSorted();
      };
      const [one, other] = [
        await scene.external('run-1'),
        await scene.external('run-2', { ttlMs: MINUTE_MS }),
      ];
      const elsewhere = await scene.external('run-1', { tool: 'archive' });
      await scene.reserve('run-1');
      await scene.issue('run-1', { tool: 'ledger' });
      await scene.external('run-3');
      await scene.closeTask('run-3');
      expect(await active('ledger')).toEqual([one.id, other.id].toSorted());
      expect(await active('archive')).toEqual([elsewhere.id]);
      expect(await active('nothing')).toEqual([]);
      scene.clock.advance(MINUTE_MS);
      expect(await active('ledger')).toEqual([one.id]);
      await scene.revoke(select('all'));
      expect(await active('ledger')).toEqual([]);
    });

    it('survives a crash at any line: what was reserved is found by its deadline, what was lent is lent again', async () => {
      const scene = await begin();
      await scene.task('run-1');
      const reserved = await scene.reserve('run-1');
      const active = await scene.external('run-1');
      await scene.revoke(select('lease', active.id));
      await scene.due(MINUTE_MS);
      await scene.crash();
      scene.clock.advance(MINUTE_MS);
      const ids = (await scene.due()).map(({ lease }) => lease.id);
      expect(ids.toSorted()).toEqual([reserved.id, active.id].toSorted());
    });

    it('of a store that nobody shares, a crash ends every loan: what was lent is due at once, and what was put off is not', async () => {
      const scene = await begin();
      if (!scene.isAlone) return;
      await scene.task('run-1');
      const [lent, putOff] = [await scene.external('run-1'), await scene.external('run-1')];
      await scene.revoke(select('lease', putOff.id));
      const [first] = await scene.due(MINUTE_MS);
      await scene.settle(first!, { kind: 'failed', retryAfterMs: MINUTE_MS, error: 'again' });
      await scene.revoke(select('lease', lent.id));
      const [second] = await scene.due(MINUTE_MS);
      await scene.crash();
      expect((await scene.due()).map(({ lease }) => lease.id)).toEqual([lent.id]);
      expect(await scene.store.settle(lent.id, second!.claim, { kind: 'confirmed' })).toBe(false);
      scene.clock.advance(MINUTE_MS);
      expect((await scene.due()).map(({ lease }) => lease.id)).toContain(putOff.id);
    });
  });
}
