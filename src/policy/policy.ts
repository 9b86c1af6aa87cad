// The policy port: asked afresh for every task opening, issuance and renewal (invariant 5).
import type { AuthorizationDetail } from '../domain/grant.js';
import type { VerifiedPrincipal } from '../domain/principal.js';
import type { Task } from '../domain/task.js';
import type { Tool } from '../domain/tool.js';

/** A task as a policy may see it. Its purpose is untrusted text and is not there. */
export type TaskFacts = Pick<
  Task,
  'id' | 'parent' | 'orchestrator' | 'manifest' | 'labels' | 'openedAt' | 'deadline'
>;

export type DecisionInput =
  | {
      readonly action: 'open_task';
      readonly principal: VerifiedPrincipal;
      readonly task: Omit<TaskFacts, 'openedAt' | 'deadline'>;
      readonly ttlMs: number;
      readonly now: number;
    }
  | {
      readonly action: 'exchange' | 'renew';
      readonly principal: VerifiedPrincipal;
      readonly task: TaskFacts;
      readonly tool: Tool;
      /** All that is asked: one decision for all of it. */
      readonly actions: readonly string[];
      readonly details: readonly AuthorizationDetail[];
      readonly ttlMs?: number;
      readonly now: number;
    };

export interface Decision {
  readonly effect: 'permit' | 'deny';
  /** Digest of the policies that decided. */
  readonly policyDigest: string;
  /** Names of the policies that made the difference. */
  readonly determining: readonly string[];
  /** What a permit limits the credential's life to. */
  readonly maxTtlMs?: number;
  /** A permit that holds only for a credential bound to a key that was proven (RFC 9449). */
  readonly requireDpop?: true;
}

export interface Policy {
  /** Never throws for want of a fact: what cannot be decided is denied. */
  decide(input: DecisionInput): Decision;
}
