// The store port: what is atomic, what is idempotent, and what every adapter guarantees. It speaks meaning, not commands.
import type { AuditConclusion, AuditEvent, AuditQuery } from '../audit/event.js';
import type { AuditBatch, AuditEntry } from '../audit/entry.js';
import type { LeaseId, PrincipalName, TaskId } from '../domain/ids.js';
import type { Lease, LeaseState } from '../domain/lease.js';
import type { Refusal } from '../domain/refusal.js';
import type { Revocation } from '../domain/revocation.js';
import type { Selector } from '../domain/selector.js';
import type { Outcome, Task, TaskState } from '../domain/task.js';
import type { ContextStore } from './context-store.js';
import type { DenyStore } from './deny-store.js';
import type { LeaseStore, Tally } from './lease-store.js';
import type { StatusStore } from './status-store.js';

export type { ContextStore, DueReview, Signalling } from './context-store.js';
export type {
  Activation,
  DecidedOn,
  LeaseQuery,
  LeaseRequest,
  LeaseStore,
  Renewal,
  Tally,
} from './lease-store.js';

/*
 * Guarantees, which the contract suite in test/contract/store.ts asks of every adapter:
 *
 * 1. Each call is one atomic transition; it resolves only when the transition and its audit event are durable.
 * 2. A refusal is a value, and is recorded as durably as a success. A fault rejects with StoreUnavailable.
 * 3. Times are the store's own, never go back, and never repeat across a fence (`cutoff` of a wide kill).
 * 4. After `closeTask` or `revoke` resolved, no call issues, activates or renews what they named, and every
 *    read shows it dead. Neither walks leases: both cost the same for one lease as for 100,000.
 * 5. What is killed stays killed, also across a crash, until `mootAt`.
 */

/** The store cannot be used now: nothing happened, or nothing that was acknowledged. Ask again later. */
export class StoreUnavailable extends Error {
  readonly code = 'ERR_STORE_UNAVAILABLE';

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StoreUnavailable';
  }
}

export type NewTask = Pick<
  Task,
  'id' | 'parent' | 'orchestrator' | 'purpose' | 'manifest' | 'labels' | 'bodyDigest'
> & {
  /** From the store's now; a child's deadline is never past its parent's. */
  readonly ttlMs: number;
  /**
   * How many tasks may be open in the tree, this one included: counted by the transition itself, because a close walks
   * all of them in one. Those that are past their deadline count until the sweeper has been there. Absent: any number.
   */
  readonly mostOpenInTree?: number;
};

export interface Closing {
  readonly outcome: Outcome;
  readonly by: PrincipalName | 'mayfly';
  readonly reason?: string;
}

export interface Kill {
  readonly select: Selector;
  readonly by: PrincipalName | 'mayfly';
  readonly reason?: string;
  /** With an `agent` selector: the agent gets nothing until the quarantine is lifted. */
  readonly quarantine?: boolean;
}

export interface LeaseCount {
  /** Credentials with no copy at a target. */
  readonly tokens: number;
  /** Credentials that somebody has to go and kill. */
  readonly external: number;
  /** There was no time to look at all of them: there may be more. */
  readonly atLeast?: true;
}

export interface Quarantine {
  readonly agent: string;
  readonly since: number;
  readonly by: PrincipalName | 'mayfly';
  readonly reason?: string;
}

export type LeaseCounts = Readonly<Record<LeaseState, number>>;

export interface TaskQuery {
  readonly orchestrator?: PrincipalName;
  /** Globs of the root ids that may be seen; absent: all. */
  readonly roots?: readonly string[];
  readonly state?: TaskState;
  /** The task itself and all below it. */
  readonly tree?: string;
  /** Ids after this one, in the order of the listing (newest first). */
  readonly after?: string;
  readonly limit: number;
}

/** A credential to be killed at its target, lent to one sweeper for a limited time. */
export interface ClaimedLease {
  readonly lease: Lease;
  /** Names this loan: a settlement by somebody whose loan ran out is refused. */
  readonly claim: string;
  readonly attempts: number;
  readonly sealedSecret?: string;
}

export type Claimed = { readonly claimed: readonly ClaimedLease[]; readonly more: boolean };

export type Settlement =
  | { readonly kind: 'confirmed' }
  /** The target has taken the order, and tells nobody when it is in force: it is lent out again after that long. No attempt. */
  | { readonly kind: 'accepted'; readonly retryAfterMs: number }
  | { readonly kind: 'failed'; readonly retryAfterMs: number; readonly error: string }
  /** Given back: nothing was tried, and it counts as no attempt. */
  | { readonly kind: 'deferred'; readonly retryAfterMs: number }
  | { readonly kind: 'irrevocable'; readonly error: string };

/** Whose word it is that a credential is dead, and why. */
export interface Word {
  readonly by: PrincipalName;
  readonly reason: string;
}

export interface Swept {
  readonly expiredTasks: readonly TaskId[];
  /** How many records changed; zero means that nothing more is due. */
  readonly changed: number;
  /** Store time at which something falls due next, if anything is on record. */
  readonly nextDueAt?: number;
}

export type KeyUse = 'credential' | 'feed' | 'receipt' | 'audit' | 'aws';

export interface SigningKeyRecord {
  readonly kid: string;
  readonly use: KeyUse;
  readonly algorithm: string;
  /** Public JWK as JSON. */
  readonly publicJwk: string;
  /** The private key as sealed by `keys/seal.ts`: never in the clear (invariant 6). */
  readonly sealedPrivate: string;
  readonly createdAt: number;
  /** Signs from here on until a later key of the same use does. */
  readonly activatesAt: number;
}

export interface TaskStore {
  /** The same id, body and orchestrator again gives the task that exists; another body is `task_conflict`. */
  openTask(task: NewTask, entry: AuditEntry): Promise<{ task: Task; created: boolean } | Refusal>;
  readTask(id: TaskId): Promise<Task | undefined>;
  /**
   * The task as this broker last saw it, without asking again where it has seen it: what its opening fixed is true,
   * its state and deadline may be those of a moment ago. For a decision whose transition looks at them once more.
   */
  recallTask(id: TaskId): Promise<Task | undefined>;
  listTasks(query: TaskQuery): Promise<Task[]>;
  /** Counts of the task's own leases by their standing now; those of ended ones stay when their records are purged. */
  countLeases(id: TaskId): Promise<LeaseCounts>;
  /** How many tasks of the orchestrator are open now; counting stops at `most`. */
  countOpenTasks(orchestrator: PrincipalName, most: number): Promise<Tally>;
  /** A later deadline; a child's is held to its parent's. */
  extendTask(
    id: TaskId,
    bounds: { deadline: number; maxTtlMs: number },
    entry: AuditEntry,
  ): Promise<Task | Refusal>;
  /** Closes the task and all below it. Closed already: the first closing stands and is given again. */
  closeTask(id: TaskId, closing: Closing, entry: AuditEntry): Promise<Task | Refusal>;
}

export interface RevocationStore {
  /** Dead when this resolves. Idempotent. A `task` selector closes the task as `revoked`. */
  revoke(kill: Kill, entry: AuditEntry): Promise<Revocation>;
  /**
   * What is alive among what the selector names, or, after a kill, was alive when it was killed by it. With `withinMs`
   * a store that would need longer stops counting there and says so: somebody waits for the answer.
   */
  countSelected(select: Selector, killed?: Revocation, withinMs?: number): Promise<LeaseCount>;
  /** The union in force, with the epoch of the store that holds it. */
  revocations(): Promise<{ epoch: string; entries: Revocation[] }>;
  /** Adds to the union, for a store that may have lost some of it. */
  restoreRevocations(entries: readonly Revocation[]): Promise<void>;
  quarantines(): Promise<Quarantine[]>;
  liftQuarantine(agent: string, entry: AuditEntry): Promise<Quarantine | Refusal>;
}

export interface WorkStore {
  /** Records what time alone has done: tasks past their deadline, leases past theirs, what is past retention. */
  sweep(limit: number): Promise<Swept>;
  /** Lends out up to `limit` credentials that are due to be killed at their targets, each for `windowMs`. */
  claimDue(limit: number, windowMs: number): Promise<ClaimedLease[]>;
  /**
   * The same, before any sweep, of what a kill of this task or lease has ended: for the price of a look at one tree. Others
   * that are due may be among them. Where `more` is left, sweeps find it.
   */
  claimEnded(of: TaskId | LeaseId, limit: number, windowMs: number): Promise<Claimed>;
  /**
   * False where the loan had run out and somebody else has it. What was needed to kill a credential is kept of an
   * irrevocable one, as it may be tried again.
   */
  settle(id: LeaseId, claim: string, settlement: Settlement): Promise<boolean>;
  /** An irrevocable lease is due to be killed at its target again, with as many attempts as at first. Refuses any other. */
  retryLease(id: LeaseId, entry: AuditEntry): Promise<Lease | Refusal>;
  /** An irrevocable lease ends `revoked` because somebody says so: nothing is confirmed by that. Refuses any other. */
  forceLease(id: LeaseId, word: Word, entry: AuditEntry): Promise<Lease | Refusal>;
  countIrrevocable(): Promise<number>;
}

export interface AuditStore {
  /** Records an entry that belongs to no transition. Resolves when it is durable. */
  record(entry: AuditEntry, conclusion: AuditConclusion): Promise<void>;
  /** The same, with the next commit that something else needs, or within 20 ms: nobody waits for it. */
  recordInPassing(entry: AuditEntry, conclusion: AuditConclusion): Promise<void>;
  /**
   * Records each event of a batch once, however often the batch comes, and answers how many this call has recorded.
   * Resolves when all are durable. What fails may have recorded some: the same batch again records the others.
   */
  recordBatch(batch: AuditBatch): Promise<number>;
  auditEvents(query: AuditQuery): Promise<AuditEvent[]>;
}

export interface ReplayStore {
  /**
   * True for the first caller with this key, false for every other until `expiresAt` (milliseconds). Where that has
   * passed by the store's time, false for all: nothing would be on record of it. Waits for replicas as kills do;
   * `forKill`, of who comes with a kill, it does not, and works with a full memory: nothing holds back a kill.
   */
  once(key: string, expiresAt: number, forKill?: boolean): Promise<boolean>;
}

export interface KeyStore {
  signingKeys(use: KeyUse): Promise<SigningKeyRecord[]>;
  /**
   * Adds, unless a key of this use that activates then or later is there already. With `newest`, the kid that the
   * caller saw activate last (null: it saw none), also not where another was added since: two brokers rotate once.
   */
  addSigningKey(key: SigningKeyRecord, entry: AuditEntry, newest?: string | null): Promise<boolean>;
  removeSigningKey(kid: string): Promise<void>;
  /** Every key that was ever killed: for good, whatever is moot for verifiers. */
  revokedKeys(): Promise<string[]>;
}

/** What was committed, by this broker or another. */
export type News =
  | { readonly kind: 'revocation'; readonly revocation: Revocation }
  /** A signing key came, or went. */
  | { readonly kind: 'signing_keys' }
  /** Something of it may have been missed: whoever keeps a copy of what the store holds reads it anew. */
  | { readonly kind: 'gap' }
  /** What another broker on this store said by `tellPeers`. */
  | { readonly kind: 'peer'; readonly text: string };

export interface NewsStore {
  /** Tells of every commit after this call, a moment after it at the latest. Answers how to stop listening. */
  watch(listener: (news: News) => void): () => void;
  /**
   * Until when, in store time, the listeners of `watch` have been told of every kill. By a write that is as durable as a
   * kill, and a look at what was told: a server that was replaced, or cannot be written, gives no such time. `now`: the
   * latest time of the store that anybody may have been told meanwhile.
   */
  asOf(): Promise<{ epoch: string; asOf: number; now: number }>;
  /** Says something to the other brokers on this store. It is kept nowhere, and may get lost. */
  tellPeers(text: string): Promise<void>;
}

export interface Store
  extends
    NewsStore,
    TaskStore,
    LeaseStore,
    ContextStore,
    RevocationStore,
    WorkStore,
    AuditStore,
    ReplayStore,
    StatusStore,
    KeyStore {
  readonly denials: DenyStore;
  /** The store's time, milliseconds. */
  now(): Promise<number>;
  /** Why it cannot be used, or undefined. Tries a real write. */
  ailment(): Promise<string | undefined>;
  close(): Promise<void>;
}

/** For how long records stay after they are of no more use but to a reader. */
export interface Retention {
  /** Closed tasks: their ids stay reserved. Above every TTL. */
  readonly taskMs: number;
  readonly leaseMs: number;
  readonly auditMs: number;
}
