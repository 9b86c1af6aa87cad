// Commands on what comes to pass in a tree: leases that are decided on it, signals, refusals, reviews.
import { expect } from '@jest/globals';
import * as fc from 'fast-check';
import { rootOf } from '../../../src/domain/ids.js';
import { ContextChanged } from '../../../src/domain/tree-context.js';
import type { LeaseRequest } from '../../../src/store/store.js';
import { entry, externalRequest, granted, MINT_DEADLINE_MS, reasonOf, taskId } from '../store/scene.js';
import { command, expectGrant, request, someTask, taskOf, tokenOf } from './command.js';
import { HOLDINGS, ROOTS, SIGNALS } from './names.js';

const MOST_SIGNALS = 2;

export const decide = command(
  'issue or reserve on a context',
  fc.record({
    asked: request,
    holding: fc.constantFrom(...HOLDINGS),
    behind: fc.constantFrom(0, 0, 0, 1),
    reserved: fc.boolean(),
  }),
  async ({ asked, holding, behind, reserved }, model, { scene }) => {
    const { task, ...terms } = asked;
    const plain = reserved ? externalRequest(taskOf(model, task), terms) : tokenOf(model, asked);
    const root = rootOf(plain.taskId);
    const version = (await scene.store.recallContext(root)).version - behind;
    const decidedOn = { version, holding, principal: `{"sub":"${plain.agent}"}` };
    const basis = { principal: plain.agent };
    const wanted: LeaseRequest = { ...plain, basis, decidedOn };
    const answer = reserved
      ? await scene.store.reserveLease({ ...wanted, mintDeadlineMs: MINT_DEADLINE_MS }, entry())
      : await scene.store.issueLease(wanted, entry());
    const refusal = model.refusalOf(wanted);
    const context = model.contextOf(root);
    if (context.version !== version && (refusal === undefined || refusal === 'instance_mismatch')) {
      expect(answer).toEqual(new ContextChanged(context));
      return;
    }
    const lease = expectGrant(model, wanted, answer);
    if (!lease) return;
    model.add(lease, reserved ? MINT_DEADLINE_MS : undefined);
    model.hold(root, holding);
    expect(await scene.store.principalFacts(root, basis.principal)).toBe(decidedOn.principal);
  },
);

export const signal = command(
  'signal',
  fc.record({ task: someTask, type: fc.constantFrom(...SIGNALS) }),
  async ({ task, type }, model, { scene }) => {
    const id = taskId(taskOf(model, task));
    const answer = await scene.store.signalTask(id, type, MOST_SIGNALS, entry('task.signal'));
    if (!model.isOpen(id)) {
      expect(reasonOf(answer)).toBe(model.tasks.has(id) ? 'task_closed' : 'task_unknown');
      return;
    }
    const { signals } = model.contextOf(rootOf(id));
    if (!signals.includes(type) && signals.length === MOST_SIGNALS) {
      expect(reasonOf(answer)).toBe('too_many_signals');
      return;
    }
    const root = rootOf(id);
    model.signal(root, type);
    expect(granted(answer)).toEqual({
      context: model.contextOf(root),
      added: !signals.includes(type),
      due: model.dueReviews.has(root),
    });
  },
);

export const refuse = command('refuse', fc.constantFrom(...ROOTS), async (root, model, { scene }) => {
  const asked = entry('token.exchange', { taskId: root });
  asked.refusalOf = taskId(root);
  await scene.store.record(asked, { outcome: 'refused', reason: 'policy_denied' });
  if (model.tasks.has(root)) model.refuse(root);
});

export const review = command(
  'review',
  fc.record({ root: fc.constantFrom(...ROOTS), behind: fc.constantFrom(0, 0, 1) }),
  async ({ root, behind }, model, { scene }) => {
    const { version } = model.contextOf(root);
    await scene.store.concludeReview(taskId(root), version - behind);
    if (behind === 0) model.dueReviews.delete(root);
  },
);
