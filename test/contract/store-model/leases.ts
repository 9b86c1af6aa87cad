// Commands on leases: issue, reserve, activate, abandon, renew, release.
import { expect } from '@jest/globals';
import * as fc from 'fast-check';
import { expiryOf } from '../../../src/domain/lease.js';
import type { LeaseRequest } from '../../../src/store/store.js';
import {
  entry,
  externalRequest,
  granted,
  MINT_DEADLINE_MS,
  OPERATOR,
  reasonOf,
  select,
} from '../store/scene.js';
import { command, expectGrant, nth, request, taskOf, tokenOf, ttlMs, which } from './command.js';
import { KEYS } from './names.js';

export const issue = command('issue', request, async (asked, model, { scene }) => {
  const wanted = tokenOf(model, asked);
  const lease = expectGrant(model, wanted, await scene.store.issueLease(wanted, entry()));
  if (lease) model.add(lease);
});

export const reserve = command('reserve', request, async ({ task: given, ...terms }, model, { scene }) => {
  const wanted = externalRequest(taskOf(model, given), terms);
  const lease = expectGrant(model, wanted, await scene.store.reserveLease(wanted, entry()));
  if (lease) model.add(lease, MINT_DEADLINE_MS);
});

export const activate = command('activate', which, async (index, model, { scene }) => {
  const minting = [...model.leases.values()].filter(({ external, activated }) => external && !activated);
  const lease = nth(index % 10 === 0 ? model.leases.values() : minting, index);
  if (!lease?.external || lease.settled) return;
  const result = await scene.store.activateLease(lease.id as never, { sealedSecret: 'sealed' }, entry());
  const reserved = model.standing(lease) === 'reserved';
  if (reserved && model.now < lease.mintDeadline!) {
    granted(result);
    lease.activated = true;
    delete lease.mintDeadline;
    return;
  }
  expect(reasonOf(result)).toBe('lease_ended');
  if (lease.mintDeadline === undefined) return; // it was said before that the mint is over
  if (reserved) lease.ended = { at: model.now, cause: 'mint_unknown' };
  // What it made has to be killed from now on, whoever has set out to kill it before.
  delete lease.mintDeadline;
  delete lease.claim;
  lease.dueAt = model.now;
});

export const abandon = command('abandon', which, async (index, model, { scene }) => {
  const lease = nth(
    [...model.leases.values()].filter(({ external }) => external),
    index,
  );
  if (!lease) return;
  await scene.store.abandonLease(lease.id as never, 'mint_failed', entry());
  if (model.standing(lease) === 'reserved') lease.ended = { at: model.now, cause: 'mint_failed' };
});

export const renew = command(
  'renew',
  fc.record({ which, ttlMs, keyId: fc.option(fc.constantFrom(...KEYS), { nil: undefined }) }),
  async ({ which: index, ttlMs: asked, keyId }, model, { scene }) => {
    const lease = nth(model.leases.values(), index);
    if (!lease || model.mayBePurged(lease)) return;
    const renewal = { agent: lease.agent as never, ttlMs: asked, policyDigest: 'p', ...(keyId && { keyId }) };
    const result = await scene.store.renewLease(lease.id as never, renewal, entry());
    if (model.standing(lease) !== 'active') return expect(reasonOf(result)).toBe('lease_ended');
    const key = keyId ?? lease.keyId;
    const refusal = model.refusalOf({ ...(lease as never as LeaseRequest), ttlMs: 60_000, keyId: key! });
    if (refusal !== undefined && refusal !== 'task_ending') return expect(reasonOf(result)).toBe(refusal);
    const renewed = granted(result);
    const bound = expiryOf(model.now, asked, model.tasks.get(lease.taskId)!.deadline) ?? 0;
    expect(renewed.expiresAt).toBe(Math.max(lease.expiresAt, bound));
    model.leases.set(lease.id, { ...lease, expiresAt: renewed.expiresAt, keyId: key });
  },
);

export const release = command('release', which, async (index, model, { scene }) => {
  const lease = nth(model.leases.values(), index);
  if (!lease || model.mayBePurged(lease)) return;
  const alive = model.isAlive(lease);
  const revocation = await scene.store.revoke({ select: select('lease', lease.id), by: OPERATOR }, entry());
  if (alive) model.kill(select('lease', lease.id), revocation.at);
  else expect(revocation.at).toBe(model.endOf(lease)!.at);
});
