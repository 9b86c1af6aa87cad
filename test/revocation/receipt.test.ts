// What a receipt takes for confirmed: nothing that was not.
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { AuditEntry } from '../../src/audit/entry.js';
import { requestId } from '../../src/domain/ids.js';
import type { Lease } from '../../src/domain/lease.js';
import { Refusal } from '../../src/domain/refusal.js';
import { confirmedAt, receiptOf } from '../../src/revocation/receipt.js';
import { Scene } from '../contract/store/scene.js';
import { embeddedHarness } from '../store/embedded-harness.js';

const harness = embeddedHarness();
let scene: Scene;
beforeEach(async () => {
  scene = await Scene.open(harness);
});
afterEach(() => harness.close());

const lease = (more: Partial<Lease>): Lease =>
  ({ kind: 'jwt', state: 'revoked', expiresAt: 9000, ...more }) as Lease;
const ended = { at: 5000, cause: 'task' } as const;

test.each<[string, Partial<Lease>, number | undefined]>([
  ['a signed one that was killed: dead as its end is stored', { ended }, 5000],
  ['a signed one that ran out', { state: 'expired' }, 9000],
  ['one at a target that has let go', { kind: 'account', ended, confirmedAt: 6000 }, 6000],
  ['one at a target whose answer is not on record', { kind: 'account', ended }, undefined],
  ['one that could not be killed', { kind: 'account', state: 'irrevocable', ended }, undefined],
  [
    'one of which somebody has said that it is dead',
    {
      kind: 'account',
      ended: { ...ended, forced: { at: 7000, by: 'cluster/operator', reason: 'gone' } as never },
    },
    undefined,
  ],
  ['one that is alive', { state: 'active' }, undefined],
])('%s', (_what, more, at) => {
  expect(confirmedAt(lease(more))).toBe(at);
});

test('there is none while a credential is still to be killed at its target, and then it counts', async () => {
  const id = 'run-1' as never;
  const read = async () =>
    receiptOf(
      scene,
      (await scene.store.readTask(id))!,
      new AuditEntry(requestId(scene.clock.now()), 'task.receipt'),
    );
  await scene.task('run-1');
  await scene.external('run-1');
  await scene.closeTask('run-1');
  expect(await read()).toMatchObject({ reason: 'task_not_settled' });
  await scene.store.sweep(10);
  const [claimed] = await scene.store.claimDue(10, 1000);
  await scene.store.settle(claimed!.lease.id, claimed!.claim, { kind: 'confirmed' });
  const receipt = await read();
  if (receipt instanceof Refusal) throw new Error(receipt.reason);
  expect(receipt.leases.map(({ state }) => state)).toEqual(['revoked']);
  expect([receipt.counts.revoked, receipt.leftOut]).toEqual([1, 0]);
});
