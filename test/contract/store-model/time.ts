// Commands by which time passes and work gets done: sweep, claim, settle, clocks, crashes.
import { expect } from '@jest/globals';
import * as fc from 'fast-check';
import { SECOND_MS } from '../../../src/domain/duration.js';
import type { LeaseId, TaskId } from '../../../src/domain/ids.js';
import { rootOf } from '../../../src/domain/ids.js';
import type { ClaimedLease, Settlement } from '../../../src/store/store.js';
import { entry, OPERATOR, PLENTY, reasonOf } from '../store/scene.js';
import { command, nth, request, tokenOf, which } from './command.js';
import type { ModelLease, StoreModel } from './model.js';

export const sweep = command('sweep', fc.constantFrom(1, 3, PLENTY), async (limit, model, { scene }) => {
  for (let changed = 1; changed > 0;) ({ changed } = await scene.store.sweep(limit));
  model.sweep();
});

const windows = fc.constantFrom(1_000, 20_000);
const idsOf = (leases: readonly { readonly id: string }[]): string[] => leases.map(({ id }) => id).toSorted();

export const claimDue = command('claim', windows, async (windowMs, model, { scene }) => {
  await scene.sweep();
  model.sweep();
  const claimed = await scene.store.claimDue(PLENTY, windowMs);
  expect(idsOf(claimed.map(({ lease }) => lease))).toEqual(idsOf(model.due()));
  lend(model, claimed, windowMs);
});

/** Before any sweep: at least what a kill has ended there, and nothing that is not due. */
export const claimEnded = command(
  'claim what ended',
  fc.record({ which, windowMs: windows, limit: fc.constantFrom(1, 3, PLENTY) }),
  async ({ which: index, windowMs, limit }, model, { scene }) => {
    const of = nth([...model.leases.values()], index);
    if (!of) return;
    const root = rootOf(of.taskId as TaskId);
    const claimed: ClaimedLease[] = [];
    for (let left = true; left;) {
      const some = await scene.store.claimEnded(index % 2 ? root : (of.id as LeaseId), limit, windowMs);
      claimed.push(...some.claimed);
      left = some.more;
    }
    await scene.sweep();
    model.sweep();
    const due = model.due();
    expect(idsOf(due)).toEqual(expect.arrayContaining(idsOf(claimed.map(({ lease }) => lease))));
    const killed = due.filter(
      ({ taskId, ended }) => rootOf(taskId as TaskId) === root && ended && ended.cause !== 'mint_unknown',
    );
    expect(idsOf(claimed.map(({ lease }) => lease))).toEqual(expect.arrayContaining(idsOf(killed)));
    lend(model, claimed, windowMs);
  },
);

function lend(model: StoreModel, claimed: readonly ClaimedLease[], windowMs: number): void {
  for (const { lease, claim } of claimed) {
    const lent = model.leases.get(lease.id)!;
    lent.claim = claim;
    lent.lentAt = model.now;
    lent.dueAt = model.now + windowMs;
  }
}

export const settle = command(
  'settle',
  fc.record({
    which,
    kind: fc.constantFrom<Settlement['kind']>(
      'confirmed',
      'confirmed',
      'confirmed',
      'failed',
      'deferred',
      'accepted',
      'irrevocable',
    ),
  }),
  async ({ which: index, kind }, model, { scene }) => {
    const lent = nth(
      [...model.leases.values()].filter(({ claim }) => claim !== undefined),
      index,
    );
    if (!lent) return;
    const error = 'the target said no';
    const settlement: Settlement =
      kind === 'confirmed'
        ? { kind }
        : kind === 'failed'
          ? { kind, error, retryAfterMs: 5_000 }
          : kind === 'deferred' || kind === 'accepted'
            ? { kind, retryAfterMs: 2_000 }
            : { kind, error };
    expect(await scene.store.settle(lent.id as never, lent.claim!, settlement)).toBe(true);
    settleModel(model, lent, settlement);
  },
);

function settleModel(model: StoreModel, lease: ModelLease, settlement: Settlement): void {
  if (settlement.kind === 'confirmed') return model.confirm(lease);
  delete lease.claim;
  if ('retryAfterMs' in settlement) lease.dueAt = model.now + settlement.retryAfterMs;
  else lease.settled = { state: 'irrevocable', at: model.now };
}

/** Of any lease: only what is irrevocable takes it. */
export const takeUp = command(
  'take up',
  fc.record({ which, how: fc.constantFrom('retry' as const, 'force' as const) }),
  async ({ which: index, how }, model, { scene }) => {
    const all = [...model.leases.values()];
    const givenUp = all.filter(({ settled }) => settled?.state === 'irrevocable');
    const lease = nth(givenUp.length > 0 && index % 4 > 0 ? givenUp : all, index);
    if (!lease || !(await scene.store.readLease(lease.id as never))) return;
    const answer =
      how === 'retry'
        ? await scene.store.retryLease(lease.id as never, entry())
        : await scene.store.forceLease(lease.id as never, { by: OPERATOR, reason: 'seen' }, entry());
    if (lease.settled?.state !== 'irrevocable') {
      expect(reasonOf(answer)).toBe('lease_not_irrevocable');
      return;
    }
    expect(reasonOf(answer)).toBe('not refused');
    if (how === 'force') {
      lease.settled = { state: 'revoked', at: model.now };
      return;
    }
    // What is settled now stays so.
    for (const task of model.tasks.values()) model.isSettled(task);
    delete lease.settled;
    lease.dueAt = model.now;
  },
);

export const forged = command('settle with a claim of nobody', which, async (index, model, { scene }) => {
  const lease = nth(model.leases.values(), index);
  if (lease) expect(await scene.store.settle(lease.id as never, 'nobody', { kind: 'confirmed' })).toBe(false);
});

export const advance = command(
  'advance',
  fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom(1, 400, SECOND_MS, 7_000, 20_000) },
    { weight: 2, arbitrary: fc.constant(120_000) },
    { weight: 1, arbitrary: fc.constant(7_200_000) },
  ),
  (ms, _, { scene }) => Promise.resolve(scene.clock.advance(ms)),
);

export const setBack = command('set the clock back', fc.constantFrom(1, 3_000, 20_000), (ms, _, { scene }) =>
  Promise.resolve(scene.clock.advance(-ms)),
);

function takeBackLoans({ leases, now }: StoreModel): void {
  for (const lease of leases.values()) {
    if (lease.claim === undefined) continue;
    delete lease.claim;
    lease.dueAt = now;
  }
}

/** With some transitions under way, of which nobody was told that they are done: each may have happened or not. */
export const crash = command(
  'crash',
  fc.record({ asked: request, pending: fc.nat({ max: 3 }) }),
  async (facts, model, run) => {
    const { scene, dead } = run;
    const behindMs = model.now - scene.clock.now();
    if (behindMs > 59_000) scene.clock.advance(behindMs); // it would not start, and rightly
    const asked = tokenOf(model, facts.asked);
    const unheard = Array.from({ length: facts.pending }, () =>
      scene.store.issueLease(asked, entry()).catch(() => undefined),
    );
    await scene.crash();
    await Promise.all(unheard);
    // What was only ever looked at may be forgotten, so time may come back to what no transition has seen.
    model.now = Math.max(scene.clock.now(), ...[...model.leases.values()].map(({ issuedAt }) => issuedAt));
    dead.lapsed.clear();
    if (scene.isAlone) takeBackLoans(model);
    for (const lease of await scene.store.listLeases({ limit: PLENTY })) {
      if (!model.leases.has(lease.id) && facts.pending > 0) model.add(lease);
    }
  },
);
