// The store's contract on what could not be revoked: given back without an attempt, tried again, or ended by a human's word.
import { describe, expect, it } from '@jest/globals';
import { HOUR_MS, MINUTE_MS } from '../../../src/domain/duration.js';
import type { LeaseId } from '../../../src/domain/ids.js';
import { leaseId } from '../../../src/domain/ids.js';
import type { StoreTerms } from './harness.js';
import { TERMS } from './harness.js';
import type { Scene } from './scene.js';
import type { LeaseQuery } from '../../../src/store/store.js';
import { AGENT, entry, granted, OPERATOR, reasonOf, select } from './scene.js';

const ABSENT = leaseId(0, 0, '0'.repeat(16));
const WORD = { by: OPERATOR, reason: 'dropped "by hand" – möglichst' };

/** A lease that was given up, of a task that is closed. */
async function givenUp(scene: Scene, secret?: string): Promise<LeaseId> {
  await scene.task('run-1');
  const { id } = await scene.activate((await scene.reserve('run-1')).id, secret);
  await scene.closeTask('run-1');
  const [claimed] = await scene.due();
  await scene.settle(claimed!, { kind: 'failed', retryAfterMs: 0, error: 'not now' });
  const [again] = await scene.due();
  await scene.settle(again!, { kind: 'irrevocable', error: 'the target is gone' });
  return id;
}

export function describeIrrevocable(begin: (terms?: Partial<StoreTerms>) => Promise<Scene>): void {
  describe('a kill that is given back', () => {
    it('is due again when that is said, and no attempt is counted', async () => {
      const scene = await begin();
      await scene.task('run-1');
      const { id } = await scene.external('run-1');
      await scene.closeTask('run-1');
      const [first] = await scene.due();
      expect(await scene.settle(first!, { kind: 'deferred', retryAfterMs: 3000 })).toBe(true);
      expect(await scene.settle(first!)).toBe(false);
      expect(await scene.standing(id)).toBe('revoking');
      scene.clock.advance(2999);
      expect(await scene.due()).toEqual([]);
      scene.clock.advance(1);
      const [second] = await scene.due();
      expect([second!.lease.id, second!.attempts]).toEqual([id, 0]);
    });

    it('leaves its secret to the next who tries', async () => {
      const scene = await begin();
      await scene.task('run-1');
      await scene.activate((await scene.reserve('run-1')).id, 'sealed');
      await scene.closeTask('run-1');
      const [first] = await scene.due();
      await scene.settle(first!, { kind: 'deferred', retryAfterMs: 0 });
      expect((await scene.due())[0]!.sealedSecret).toBe('sealed');
    });
  });

  describe('a kill that its target has accepted', () => {
    it('is on record with its time, is due again when that is said, and no attempt is counted', async () => {
      const scene = await begin();
      await scene.task('run-1');
      await scene.activate((await scene.reserve('run-1')).id, 'sealed');
      await scene.closeTask('run-1');
      const [first] = await scene.due();
      const { id } = first!.lease;
      expect(await scene.settle(first!, { kind: 'accepted', retryAfterMs: 3000 })).toBe(true);
      const accepted = (await scene.store.readLease(id))!;
      expect([accepted.state, accepted.acceptedAt]).toEqual(['revoking', await scene.store.now()]);
      scene.clock.advance(2999);
      expect(await scene.due()).toEqual([]);
      scene.clock.advance(1);
      const [second] = await scene.due();
      expect([second!.lease.acceptedAt, second!.attempts, second!.sealedSecret]).toEqual([
        accepted.acceptedAt,
        0,
        'sealed',
      ]);
      // Somebody had undone it: the later time is the one that counts.
      await scene.settle(second!, { kind: 'accepted', retryAfterMs: 0 });
      const [third] = await scene.due();
      expect(third!.lease.acceptedAt).toBeGreaterThan(accepted.acceptedAt!);
      await scene.settle(third!, { kind: 'failed', retryAfterMs: 0, error: 'busy' });
      const [last] = await scene.due();
      expect([last!.lease.acceptedAt, last!.attempts]).toEqual([third!.lease.acceptedAt, 1]);
      scene.clock.advance(1);
      await scene.settle(last!);
      const dead = (await scene.store.readLease(id))!;
      expect([dead.state, dead.acceptedAt]).toEqual(['revoked', third!.lease.acceptedAt]);
      expect(dead.confirmedAt).toBeGreaterThan(dead.acceptedAt!);
    });
  });

  describe('an irrevocable lease', () => {
    it('is counted, until somebody takes it up', async () => {
      const scene = await begin();
      expect(await scene.store.countIrrevocable()).toBe(0);
      const id = await givenUp(scene);
      expect(await scene.store.countIrrevocable()).toBe(1);
      await scene.store.retryLease(id, entry());
      expect(await scene.store.countIrrevocable()).toBe(0);
    });

    it('is found among all the others: by its state alone, and with whatever else is asked', async () => {
      const scene = await begin();
      const first = await givenUp(scene);
      await scene.task('run-2');
      const ids = [first];
      for (let n = 0; n < 3; n++) {
        scene.clock.advance(1);
        await scene.external('run-2');
        const lost = await scene.external('run-2');
        await scene.revoke(select('lease', lost.id));
        const [claimed] = await scene.due();
        await scene.settle(claimed!, { kind: 'irrevocable', error: 'the target is gone' });
        ids.unshift(lost.id);
      }
      const found = async (more: Partial<LeaseQuery>): Promise<string[]> =>
        (await scene.store.listLeases({ state: 'irrevocable', limit: 9, ...more })).map(({ id }) => id);
      expect(await found({})).toEqual(ids);
      expect(await found({ limit: 2 })).toEqual(ids.slice(0, 2));
      expect(await found({ after: ids[1]! })).toEqual(ids.slice(2));
      expect(await found({ task: 'run-1' })).toEqual([first]);
      expect(await found({ agent: AGENT, tool: 'ledger' })).toEqual(ids);
      expect(await found({ tool: 'crm' })).toEqual([]);
    });

    it('that is tried again is due at once, with all its attempts and its secret, and is revoked when that is confirmed', async () => {
      const scene = await begin();
      const id = await givenUp(scene, 'sealed');
      expect(await scene.due()).toEqual([]);
      expect(granted(await scene.store.retryLease(id, entry())).state).toBe('revoking');
      const [claimed] = await scene.due();
      expect(claimed).toMatchObject({ lease: { id }, attempts: 0, sealedSecret: 'sealed' });
      await scene.settle(claimed!);
      const lease = (await scene.store.readLease(id))!;
      expect([lease.state, lease.ended?.forced, typeof lease.confirmedAt]).toEqual([
        'revoked',
        undefined,
        'number',
      ]);
      expect(await scene.due()).toEqual([]);
    });

    it('that is tried again leaves its task settled, and one that is closed meanwhile waits for it', async () => {
      const scene = await begin();
      const id = await givenUp(scene);
      await scene.store.retryLease(id, entry());
      expect(await scene.taskState('run-1')).toBe('settled');
      await scene.settleAll();
      expect(await scene.taskState('run-1')).toBe('settled');

      await scene.task('run-2');
      const other = await scene.external('run-2');
      await scene.revoke(select('lease', other.id));
      const [claimed] = await scene.due();
      await scene.settle(claimed!, { kind: 'irrevocable', error: 'the target is gone' });
      await scene.store.retryLease(other.id, entry());
      await scene.closeTask('run-2');
      expect(await scene.taskState('run-2')).toBe('closed');
      await scene.settleAll();
      expect(await scene.taskState('run-2')).toBe('settled');
    });

    it('that is forced is revoked by the word of whoever said so, and confirmed by nobody', async () => {
      const scene = await begin();
      const id = await givenUp(scene, 'sealed');
      const before = (await scene.store.readLease(id))!;
      const said = entry('lease.force', { principal: OPERATOR });
      const forced = granted(await scene.store.forceLease(id, WORD, said));
      expect(forced).toEqual({
        ...before,
        state: 'revoked',
        ended: {
          ...before.ended,
          forced: { at: scene.clock.now(), ...WORD, requestId: said.requestId },
        },
      });
      expect(await scene.store.readLease(id)).toEqual(forced);
      expect(forced.confirmedAt).toBeUndefined();
      expect([await scene.due(), await scene.store.countIrrevocable()]).toEqual([[], 0]);
    });

    it('that ran out by itself is revoked, too, when it is forced', async () => {
      const scene = await begin();
      await scene.task('run-1');
      const { id } = await scene.external('run-1', { ttlMs: MINUTE_MS });
      scene.clock.advance(MINUTE_MS);
      const [claimed] = await scene.due();
      await scene.settle(claimed!, { kind: 'irrevocable', error: 'the target is gone' });
      const forced = granted(await scene.store.forceLease(id, WORD, entry()));
      expect([forced.state, forced.ended?.cause]).toEqual(['revoked', 'ttl']);
    });

    it.each(['retry', 'force'] as const)('leaves an event by the same transition: %s', async (change) => {
      const scene = await begin();
      const id = await givenUp(scene);
      const said = entry(`lease.${change}`, { principal: OPERATOR });
      await act(scene, change, id, said);
      expect(said.concluded).toBe(true);
      const [event] = await scene.store.auditEvents({ request: said.requestId, limit: 2 });
      expect(event).toMatchObject({
        action: `lease.${change}`,
        outcome: 'permitted',
        principal: OPERATOR,
        taskId: 'run-1',
        leaseId: id,
        detail: { state: change === 'retry' ? 'revoking' : 'revoked' },
      });
    });

    it.each(['retry', 'force'] as const)('is the only one that takes a %s', async (change) => {
      const scene = await begin();
      const id = await givenUp(scene);
      await scene.task('run-2');
      const [active, token] = [await scene.external('run-2'), await scene.issue('run-2')];
      for (const other of [active.id, token.id]) {
        const refused = entry();
        expect(reasonOf(await act(scene, change, other, refused))).toBe('lease_not_irrevocable');
        const [event] = await scene.store.auditEvents({ request: refused.requestId, limit: 1 });
        expect(event).toMatchObject({ outcome: 'refused', reason: 'lease_not_irrevocable' });
        expect(await scene.standing(other)).toBe('active');
      }
      expect(reasonOf(await act(scene, change, ABSENT, entry()))).toBe('lease_unknown');
      await act(scene, change, id, entry());
      expect(reasonOf(await act(scene, change, id, entry()))).toBe('lease_not_irrevocable');
    });

    it('survives a crash, and so does what was said of it', async () => {
      const scene = await begin();
      const id = await givenUp(scene);
      await scene.crash();
      expect(await scene.store.countIrrevocable()).toBe(1);
      await scene.store.forceLease(id, WORD, entry());
      await scene.crash();
      expect(await scene.store.readLease(id)).toMatchObject({ state: 'revoked', ended: { forced: WORD } });
    });

    it('is never forgotten; one that was forced is, when it is past its retention', async () => {
      const scene = await begin({ retention: { ...TERMS.retention, leaseMs: HOUR_MS } });
      const id = await givenUp(scene);
      scene.clock.advance(4 * HOUR_MS);
      await scene.sweep();
      expect(await scene.standing(id)).toBe('irrevocable');
      granted(await scene.store.forceLease(id, WORD, entry()));
      await scene.sweep();
      expect(await scene.standing(id)).toBe('revoked');
      scene.clock.advance(3 * HOUR_MS);
      await scene.sweep();
      expect(await scene.standing(id)).toBeUndefined();
      expect(await scene.store.countLeases('run-1' as never)).toMatchObject({ revoked: 1, irrevocable: 0 });
    });
  });
}

const act = (scene: Scene, change: 'retry' | 'force', id: LeaseId, said: ReturnType<typeof entry>) =>
  change === 'retry' ? scene.store.retryLease(id, said) : scene.store.forceLease(id, WORD, said);
