// The part of the store port that keeps leases: from the point in time of issuance to how each of them stands.
import type { AuditEntry } from '../audit/entry.js';
import type { LeaseId, PrincipalName, TaskId } from '../domain/ids.js';
import type { ActiveLease, Lease, LeaseState, ReservedLease } from '../domain/lease.js';
import type { Refusal } from '../domain/refusal.js';
import type { ContextChanged, DecisionBasis, Holding } from '../domain/tree-context.js';

export type LeaseRequest = Omit<
  Lease,
  'id' | 'issuedAt' | 'expiresAt' | 'state' | 'ended' | 'requestId' | 'status'
> & {
  /** After every bound but the deadline's, which the transition applies. */
  readonly ttlMs: number;
  /**
   * The first `instance` of its kind that gets a lease in the tree is the only one, of this agent or of all: any other
   * is refused from then on. Decided by the transition itself, so that of two who come first one is refused.
   */
  readonly bindsInstance?: 'of_agent' | 'of_tree';
  /** It gets an entry of a status list, by the transition itself: one that no other lease ever has. */
  readonly listed?: true;
  /** Absent: nothing was decided on a context, so none is compared and none changes. */
  readonly decidedOn?: DecidedOn;
};

/**
 * Kept by the transition that issues: the version that was decided on, what the tree holds from now on, about whom. A
 * tree that comes to hold something beside what it held is due for review by the same transition.
 */
export interface DecidedOn {
  readonly version: number;
  readonly holding: Holding;
  /** The facts about the principal as JSON, by the digest that is in the lease's `basis`. */
  readonly principal: string;
}

export interface Activation {
  /** When the target itself ends the credential, if that is before the lease would. */
  readonly expiresAt?: number;
  /** For minters that need the secret to kill it: sealed, bound to the lease, erased at settle (invariant 6). */
  readonly sealedSecret?: string;
}

export interface Renewal {
  readonly agent: PrincipalName;
  readonly ttlMs: number;
  readonly keyId?: string;
  readonly policyDigest: string;
  /** As of an issuance, of which a renewal is as much: absent, nothing was decided on a context. */
  readonly decidedOn?: DecidedOn;
  /** In place of the lease's, which is to be decided again as it was last. */
  readonly basis?: DecisionBasis;
}

/** How many there are, as far as anybody had to count. */
export interface Tally {
  readonly count: number;
  /** Counting stopped there: enough were found, or the time was over. */
  readonly atLeast?: true;
}

export interface LeaseQuery {
  readonly agent?: string;
  /** The task itself and all below it. */
  readonly task?: string;
  readonly tool?: string;
  readonly state?: LeaseState;
  readonly after?: string;
  readonly limit: number;
}

/*
 * Where a decision was made on the context of a tree (`decidedOn`) and that has another version by
 * now, nothing happens: no lease, no event, and the entry is not concluded. What would have been refused whatever the
 * context is refused first.
 */
export interface LeaseStore {
  /** Reserve and activate in one: the point in time of issuance of a credential that needs no target. */
  issueLease(request: LeaseRequest, entry: AuditEntry): Promise<ActiveLease | ContextChanged | Refusal>;
  reserveLease(
    request: LeaseRequest & { mintDeadlineMs: number },
    entry: AuditEntry,
  ): Promise<ReservedLease | ContextChanged | Refusal>;
  /** Refuses where the lease was killed meanwhile; it is then already due to be revoked at the target. */
  activateLease(id: LeaseId, activation: Activation, entry: AuditEntry): Promise<ActiveLease | Refusal>;
  /** The mint failed, or nobody knows whether it did: due to be revoked, once more after the mint's deadline. */
  abandonLease(id: LeaseId, cause: 'mint_failed' | 'mint_unknown', entry: AuditEntry): Promise<void>;
  renewLease(
    id: LeaseId,
    renewal: Renewal,
    entry: AuditEntry,
  ): Promise<ActiveLease | ContextChanged | Refusal>;
  /** With its standing now. */
  readLease(id: LeaseId): Promise<Lease | undefined>;
  listLeases(query: LeaseQuery): Promise<Lease[]>;
  /**
   * The leases of the task and of all below it that are reserved or active, some at a time, in one walk. One that is
   * alive from the beginning to the end is among them, also where it is activated meanwhile; it may come twice. What is
   * issued meanwhile may be missed.
   */
  liveLeases(task: TaskId): AsyncIterable<readonly Lease[]>;
  /**
   * The leases of a tool that are active and have a credential at its target, some at a time. What is activated meanwhile,
   * or stands beside what ends meanwhile, may be missed.
   */
  activeAtTarget(tool: string): AsyncIterable<readonly Lease[]>;
  /**
   * How many leases of the task itself, or of the agent, are alive now, reserved ones included. Counting stops at
   * `most`, and where it takes longer than `withinMs`: somebody waits for the answer.
   */
  countLive(
    of: { readonly task: TaskId } | { readonly agent: PrincipalName },
    most: number,
    withinMs: number,
  ): Promise<Tally>;
}
