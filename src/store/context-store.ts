// The part of the store port that keeps what has come to pass in a tree of tasks: see domain/tree-context.ts.
import type { AuditEntry } from '../audit/entry.js';
import type { TaskId } from '../domain/ids.js';
import type { Refusal } from '../domain/refusal.js';
import type { TreeContext } from '../domain/tree-context.js';

/** A tree whose live leases have to be decided again, because its context changed. */
export interface DueReview {
  readonly root: TaskId;
  /** The context's when it was read: a review on it does not conclude a later one. */
  readonly version: number;
}

/** A signal that is on record. */
export interface Signalling {
  readonly context: TreeContext;
  /** False where it had been reported before. */
  readonly added: boolean;
  /** Whether live leases of the tree have to be decided again. */
  readonly due: boolean;
}

export interface ContextStore {
  /** As it is now. `NO_CONTEXT` of a tree in which nothing happened, or that is unknown. */
  readContext(root: TaskId): Promise<TreeContext>;
  /**
   * As this broker last saw it, without asking again where it has seen it: a moment old at most, and never ahead. For a
   * decision whose transition compares the version: issueLease, reserveLease and renewLease do.
   */
  recallContext(root: TaskId): Promise<TreeContext>;
  /**
   * Adds a signal to the context of the tree that the task is in, and makes the tree due for review, in one transition;
   * a signal that is there already changes nothing. Refuses `task_unknown`, `task_closed`, and `too_many_signals` where
   * the tree has `most` types already.
   */
  signalTask(id: TaskId, type: string, most: number, entry: AuditEntry): Promise<Signalling | Refusal>;
  /** Trees that have been due for at least `forMs`, the longest first: a broker may have died before it was done. */
  dueReviews(limit: number, forMs: number): Promise<DueReview[]>;
  /** The tree was reviewed on a context of this version. Nothing happens where it has changed since. */
  concludeReview(root: TaskId, version: number): Promise<void>;
  /** The facts that a lease of the tree was decided on, by their digest; undefined when they are gone with the task. */
  principalFacts(root: TaskId, digest: string): Promise<string | undefined>;
}
