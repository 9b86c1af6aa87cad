// Commands that kill by selector, with quarantines, and leases asked for meanwhile.
import { expect } from '@jest/globals';
import * as fc from 'fast-check';
import { Refusal } from '../../../src/domain/refusal.js';
import type { Selector } from '../../../src/domain/selector.js';
import type { Scene } from '../store/scene.js';
import { entry, granted, OPERATOR, reasonOf, select } from '../store/scene.js';
import { command, nth, request, tokenOf, which, wide } from './command.js';
import type { StoreModel } from './model.js';
import { AGENTS, KEYS } from './names.js';

async function kill(model: StoreModel, { store }: Scene, selector: Selector): Promise<void> {
  const revocation = await store.revoke({ select: selector, by: OPERATOR }, entry());
  const killed = model.kill(selector, revocation.at);
  expect(await store.countSelected(selector, revocation)).toEqual(killed);
}

export const revoke = command('revoke', wide, (selector, model, { scene }) => kill(model, scene, selector));

export const revokeKey = command('revoke key', fc.constantFrom(...KEYS), async (kid, model, { scene }) => {
  if (model.revokedKeys.size > 0) return; // something has to sign
  await kill(model, scene, select('key', kid));
  model.revokedKeys.add(kid);
});

export const quarantine = command(
  'quarantine',
  fc.constantFrom(...AGENTS),
  async (agent, model, { scene }) => {
    const selector = select('agent', agent);
    const { at } = await scene.store.revoke({ select: selector, by: OPERATOR, quarantine: true }, entry());
    model.kill(selector, at);
    model.quarantined.add(agent);
  },
);

export const lift = command(
  'lift',
  fc.record({ which, other: fc.constantFrom(...AGENTS) }),
  async (facts, model, { scene }) => {
    const agent = nth(model.quarantined, facts.which) ?? facts.other;
    const result = await scene.store.liftQuarantine(agent, entry());
    expect(reasonOf(result)).toBe(model.quarantined.delete(agent) ? 'not refused' : 'quarantine_unknown');
  },
);

/** Leases asked for while their task is being closed, or their agent killed: each falls on one side of it. */
export const race = command(
  'race',
  fc.record({ asked: request, wide: fc.boolean() }),
  async (facts, model, { scene }) => {
    const asked = tokenOf(model, facts.asked);
    const refusal = model.refusalOf(asked);
    const ask = () => scene.store.issueLease(asked, entry());
    const selector = facts.wide ? select('agent', asked.agent) : select('task', asked.taskId);
    if (!facts.wide && !model.isOpen(asked.taskId)) return;
    const [first, revocation, second] = await Promise.all([
      Promise.all([ask(), ask(), ask()]),
      scene.store.revoke({ select: selector, by: OPERATOR }, entry()),
      Promise.all([ask(), ask(), ask()]),
    ]);
    for (const result of [...first, ...second]) {
      if (result instanceof Refusal) expect([refusal, 'task_closed', 'task_ending']).toContain(result.reason);
      else {
        model.add(granted(result));
        model.bind(asked);
      }
    }
    const later = [...model.leases.values()].filter(({ issuedAt }) => issuedAt > revocation.cutoff);
    if (facts.wide) model.kill(selector, revocation.at);
    else model.close(asked.taskId, revocation.at, 'revoked');
    for (const lease of later) if (lease.ended?.at === revocation.at) delete lease.ended;
  },
);

export const restore = command('restore what is known', fc.constant(null), async (_, __, { scene }) => {
  await scene.store.restoreRevocations((await scene.store.revocations()).entries);
});
