// The route of receipts: for those who must be able to show afterwards how a task ended.
import type { Lease } from '../domain/lease.js';
import { isTaskId } from '../domain/ids.js';
import { Refusal } from '../domain/refusal.js';
import { confirmedAt, type Receipt, RECEIPT_TYPE, receiptOf, signReceipt } from '../revocation/receipt.js';
import { taskFor } from '../tasks/own.js';
import { wireTime } from '../wire/common.js';
import type { ReceiptClaims, ReceiptCredential } from '../wire/receipt.js';
import type { Edge, Respond } from './call.js';

export const receiptRoutes = ({ broker, receiptKeys }: Edge) =>
  ({
    readReceipt: async ({ principal, params: { id = '' }, entry }) => {
      if (!isTaskId(id)) return new Refusal('task_unknown', `${id.slice(0, 80)} is not a task id`);
      const task = await taskFor(broker, principal, id, entry, ['operator', 'auditor']);
      const receipt = task instanceof Refusal ? task : await receiptOf(broker, task, entry);
      if (receipt instanceof Refusal) return receipt;
      const said = claimsOf(broker, receipt, await broker.store.now());
      return {
        status: 200,
        body: signReceipt(receiptKeys, said),
        headers: { 'content-type': `application/${RECEIPT_TYPE}`, 'cache-control': 'no-store' },
      };
    },
  }) satisfies Record<string, Respond>;

function claimsOf(
  { issuer, minters }: Edge['broker'],
  { task, counts, leases, leftOut }: Receipt,
  now: number,
): ReceiptClaims {
  const { closed } = task;
  const credentialOf = (lease: Lease): ReceiptCredential => {
    const { ended } = lease;
    const minter = minters.get(lease.kind);
    const survives = minter?.external ? minter.survives : undefined;
    const confirmed = confirmedAt(lease);
    return {
      lease_id: lease.id,
      agent: lease.agent,
      tool: lease.tool,
      plane: lease.plane,
      kind: lease.kind,
      ...(minter && { revocation: minter.class }),
      scope: lease.actions.join(' '),
      issued_at: wireTime(lease.issuedAt),
      expires_at: wireTime(lease.expiresAt),
      state: lease.state,
      ...(ended && { cause: ended.cause, requested_at: wireTime(ended.at) }),
      ...(lease.acceptedAt !== undefined && { accepted_at: wireTime(lease.acceptedAt) }),
      ...(confirmed !== undefined && { confirmed_at: wireTime(confirmed) }),
      ...(ended?.forced && {
        forced: { at: wireTime(ended.forced.at), by: ended.forced.by, reason: ended.forced.reason },
      }),
      ...(survives && { survives: [...survives] }),
      policy_digest: lease.policyDigest,
    };
  };
  return {
    iss: issuer,
    sub: task.id,
    iat: Math.floor(now / 1000),
    task: {
      ...(task.parent !== undefined && { parent: task.parent }),
      orchestrator: task.orchestrator,
      outcome: closed.outcome,
      ...(closed.reason !== undefined && { reason: closed.reason }),
      opened_at: wireTime(task.openedAt),
      closed_at: wireTime(closed.at),
      closed_by: closed.by,
      settled_at: wireTime(task.settledAt),
    },
    counts,
    credentials: leases.map(credentialOf),
    left_out: leftOut,
    policy_digests: [...new Set(leases.map(({ policyDigest }) => policyDigest))].toSorted(),
  };
}
