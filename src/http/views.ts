// The domain's records as they stand on the wire.
import type { AuditEvent } from '../audit/event.js';
import type { IssuedCredential } from '../issuance/issued.js';
import type { ForcedEnd, Lease, RevocationClass } from '../domain/lease.js';
import type { Tool } from '../domain/tool.js';
import type { Recovered, RecoveryPreview } from '../revocation/recover.js';
import type { Killed } from '../revocation/revoke.js';
import type { LeaseCount, Quarantine } from '../store/store.js';
import type { TaskWithCounts } from '../tasks/read-task.js';
import type { AuditEventView } from '../wire/audit.js';
import { wireTime } from '../wire/common.js';
import type { LeaseView } from '../wire/leases.js';
import type { RecoveryPreview as RecoveryPreviewView, RecoveryView } from '../wire/recovery.js';
import type { QuarantineView, RevocationView } from '../wire/revocations.js';
import { selectorView } from '../wire/revocations.js';
import type { Selector } from '../domain/selector.js';
import type { Signalled } from '../tasks/signal-task.js';
import type { SignalView, TaskView } from '../wire/tasks.js';
import type { TokenResponse } from '../wire/token.js';
import type { ToolView } from '../wire/tools.js';

export function taskView({
  task,
  counts,
  signals,
}: Pick<TaskWithCounts, 'task'> & Partial<TaskWithCounts>): TaskView {
  const { closed } = task;
  return {
    id: task.id,
    ...(task.parent !== undefined && { parent: task.parent }),
    state: task.state,
    ...(closed && { outcome: closed.outcome }),
    purpose: task.purpose,
    orchestrator: task.orchestrator,
    agents: task.manifest.agents,
    tools: task.manifest.tools,
    ...(task.manifest.instance && { instance: task.manifest.instance }),
    labels: task.labels,
    opened_at: wireTime(task.openedAt),
    deadline: wireTime(task.deadline),
    ...(closed && { closed_at: wireTime(closed.at), closed_by: closed.by }),
    ...(closed?.reason !== undefined && { reason: closed.reason }),
    ...(task.settledAt !== undefined && { settled_at: wireTime(task.settledAt) }),
    ...(signals && { signals }),
    ...(counts && { leases: counts }),
  };
}

export function leaseView(lease: Lease, revocation: RevocationClass): LeaseView {
  const { ended } = lease;
  return {
    id: lease.id,
    task_id: lease.taskId,
    agent: lease.agent,
    tool: lease.tool,
    plane: lease.plane,
    kind: lease.kind,
    revocation,
    audience: lease.audience,
    scope: lease.actions.join(' '),
    ...(lease.details && { authorization_details: lease.details }),
    issued_at: wireTime(lease.issuedAt),
    expires_at: wireTime(lease.expiresAt),
    ...(lease.jkt !== undefined && { cnf: { jkt: lease.jkt } }),
    ...(lease.singleUse && { single_use: true as const }),
    ...(lease.instance !== undefined && { instance: lease.instance }),
    state: lease.state,
    ...(ended && {
      ended: {
        at: wireTime(ended.at),
        cause: ended.cause,
        ...(ended.name && { name: ended.name }),
        ...(ended.reason !== undefined && { reason: ended.reason }),
        ...(ended.requestId !== undefined && { request_id: ended.requestId }),
        ...(ended.forced && { forced: forcedView(ended.forced) }),
      },
    }),
    ...(lease.acceptedAt !== undefined && { accepted_at: wireTime(lease.acceptedAt) }),
    ...(lease.confirmedAt !== undefined && { confirmed_at: wireTime(lease.confirmedAt) }),
    policy_digest: lease.policyDigest,
    request_id: lease.requestId,
  };
}

const forcedView = ({ at, by, reason, requestId }: ForcedEnd) => ({
  at: wireTime(at),
  by,
  reason,
  request_id: requestId,
});

/** The one place where a secret leaves: to the agent that asked for it. */
export function tokenResponse(
  { lease, minted, revocation, expiresAt }: IssuedCredential,
  now: number,
): TokenResponse {
  return {
    access_token: minted.secret.reveal(),
    issued_token_type: minted.issuedTokenType,
    token_type: minted.tokenType,
    expires_in: Math.max(0, Math.floor((expiresAt - now) / 1000)),
    scope: lease.actions.join(' '),
    ...(lease.details && { authorization_details: lease.details }),
    ...(lease.singleUse && { single_use: true as const }),
    lease_id: lease.id,
    task_id: lease.taskId,
    revocation,
  };
}

export const revocationView = ({ revocation, count }: Killed, quarantined: boolean): RevocationView => ({
  select: selectorView(revocation),
  preview: false,
  ...deaths(count),
  at: wireTime(revocation.at),
  ...(revocation.cutoff !== Infinity && { cutoff: wireTime(revocation.cutoff) }),
  ...(revocation.reason !== undefined && { reason: revocation.reason }),
  ...(quarantined && { quarantined }),
});

export const previewView = (select: Selector, count: LeaseCount): RevocationView => ({
  select: selectorView(select),
  preview: true,
  ...deaths(count),
});

const deaths = ({ tokens, external, atLeast }: LeaseCount) => ({
  dead: tokens,
  settling: external,
  ...(atLeast && { at_least: atLeast }),
});

export const recoveryView = (recovered: Recovered, reason: string): RecoveryView => ({
  preview: false,
  cutoff: wireTime(recovered.cutoff),
  reason,
  ...(recovered.killed && deaths(recovered.killed)),
  tasks_closed: recovered.closed,
  done: recovered.done,
  quarantines: recovered.quarantines.map(quarantineView),
  signing_keys: recovered.keys.map(({ kid, createdAt, activatesAt }) => ({
    kid,
    created_at: wireTime(createdAt),
    signs_from: wireTime(activatesAt),
  })),
});

export const recoveryPreviewView = ({ count, tasks }: RecoveryPreview): RecoveryPreviewView => ({
  preview: true,
  ...deaths(count),
  ...(tasks && { tasks: tasks.open, ...(tasks.atLeast && { tasks_at_least: true }) }),
});

export const quarantineView = ({ agent, since, by, reason }: Quarantine): QuarantineView => ({
  agent,
  since: wireTime(since),
  by,
  ...(reason !== undefined && { reason }),
});

export const auditEventView = (event: AuditEvent): AuditEventView => ({
  sequence: event.sequence,
  at: wireTime(event.at),
  request_id: event.requestId,
  action: event.action,
  outcome: event.outcome,
  ...(event.reason !== undefined && { reason: event.reason }),
  ...(event.principal !== undefined && { principal: event.principal }),
  ...(event.taskId !== undefined && { task_id: event.taskId }),
  ...(event.leaseId !== undefined && { lease_id: event.leaseId }),
  ...(event.tool !== undefined && { tool: event.tool }),
  detail: event.detail,
});

export const toolView = (tool: Tool): ToolView => ({
  name: tool.name,
  plane: tool.plane,
  audience: tool.audience,
  actions: tool.actions,
  sensitivity: tool.sensitivity,
  max_ttl_seconds: tool.maxTtlMs / 1000,
  renewable: tool.renewable,
  require_dpop: tool.requireDpop ?? false,
  kind: tool.credential.kind,
});

export const signalView = (type: string, { root, context, added, ended }: Signalled): SignalView => ({
  task_id: root,
  type,
  added,
  signals: context.signals,
  ended_leases: ended,
});
