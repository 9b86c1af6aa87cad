// What the audit log holds: one event for every request, on every exit, and one for what happened by itself.
import type { LeaseId, PrincipalName, RequestId, TaskId } from '../domain/ids.js';
import type { RefusalReason } from '../domain/refusal.js';

export const AUDIT_ACTIONS = [
  'token.exchange',
  'token.introspect',
  'token.revoke',
  'task.open',
  'task.read',
  'task.receipt',
  'task.credentials',
  'task.list',
  'task.extend',
  'task.complete',
  'task.expire',
  'task.signal',
  'lease.read',
  'lease.list',
  'lease.renew',
  'lease.again',
  'lease.release',
  'lease.settle',
  'lease.retry',
  'lease.force',
  'lease.review',
  'credential.orphan',
  'revocation.preview',
  'revocation.create',
  'quarantine.list',
  'quarantine.lift',
  'feed.read',
  'feed.stream',
  'feed.acknowledge',
  'target.reconcile',
  'verifier.list',
  'tool.list',
  'tool.call',
  'tool.report',
  'audit.read',
  'metrics.read',
  'key.rotate',
  'store.recover',
  'request',
  'request.limited',
] as const;
export type AuditAction = (typeof AUDIT_ACTIONS)[number];

export type AuditOutcome = 'permitted' | 'refused' | 'failed';

/** The facts of a request as they are learnt. Never a secret: tokens stand here as SHA-256. */
export interface AuditFacts {
  readonly requestId: RequestId;
  action: AuditAction;
  principal?: PrincipalName;
  taskId?: TaskId | string;
  leaseId?: LeaseId | string;
  tool?: string;
  /** Whatever else tells the story: what was asked, by which token digest, under which policies. */
  detail: Record<string, unknown>;
}

export interface AuditEvent extends Readonly<AuditFacts> {
  /** Grows with every event: in the order of their commits within a task tree, and of what each broker saw. */
  readonly sequence: number;
  /** Store time, milliseconds. */
  readonly at: number;
  readonly outcome: AuditOutcome;
  readonly reason?: RefusalReason;
}

/** How an event ends, as the transition that it belongs to found out. */
export interface AuditConclusion {
  readonly outcome: AuditOutcome;
  readonly reason?: RefusalReason;
  /** Facts that only the transition knows: the lease's name, a cut-off. */
  readonly leaseId?: LeaseId;
  readonly taskId?: TaskId;
  readonly detail?: Record<string, unknown>;
}

export interface AuditQuery {
  readonly task?: string;
  readonly agent?: string;
  readonly lease?: string;
  readonly request?: string;
  /** Only events after this sequence. */
  readonly after?: number;
  /** Only events before this sequence: the page that follows. */
  readonly before?: number;
  /** At most this many, newest first. */
  readonly limit: number;
}
