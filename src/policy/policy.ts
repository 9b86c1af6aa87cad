// The policy port: asked afresh for every task opening, issuance and renewal (invariant 5).
import type { AuthorizationDetail } from '../domain/grant.js';
import type { VerifiedPrincipal } from '../domain/principal.js';
import type { Manifest, Task } from '../domain/task.js';
import type { Tool } from '../domain/tool.js';
import type { TreeContext } from '../domain/tree-context.js';

/** A task as a policy may see it: of its purpose, which is untrusted text, the digest alone. */
export type TaskFacts = Pick<Task, 'id' | 'orchestrator' | 'purpose' | 'labels' | 'openedAt'>;

/** What is known of whoever asks: as its token says, or as it said when a lease was decided on. */
export type PrincipalFacts = Pick<VerifiedPrincipal, 'name' | 'trust' | 'subject' | 'claims'>;

interface Circumstances {
  readonly principal: PrincipalFacts;
  readonly task: TaskFacts;
  /** The tasks above it, the root first: what they would not get, it does not get either (invariant 4). */
  readonly above: readonly TaskFacts[];
  /** Of the tree as it was when this is decided: the transition compares the version. */
  readonly context: TreeContext;
  /** Where the request came from; absent where nobody knows. */
  readonly address?: string;
  readonly now: number;
}

export type DecisionInput = Circumstances &
  (
    | {
        readonly action: 'open_task';
        readonly manifest: Manifest;
        readonly ttlMs: number;
      }
    | {
        readonly action: 'exchange' | 'renew';
        readonly tool: Tool;
        /** All that is asked: one decision for all of it. */
        readonly actions: readonly string[];
        readonly details: readonly AuthorizationDetail[];
        readonly ttlMs?: number;
      }
  );

export interface Decision {
  /** `approval`: a permit that holds once somebody has said yes. */
  readonly effect: 'permit' | 'deny' | 'approval';
  /** Digest of the policies that decided. */
  readonly policyDigest: string;
  /** Names of the policies that made the difference. */
  readonly determining: readonly string[];
  /** Why it was denied where no policy did it, and what went wrong with policies: for the record. */
  readonly why?: string;
  /** What the caller may be told: `@reason` of the policies that made the difference, or of the approval. */
  readonly told?: string;
  /** What a permit limits the life of the credential to, or of the task. */
  readonly maxTtlMs?: number;
  /** A permit that holds only for a credential bound to a key that was proven (RFC 9449). */
  readonly requireDpop?: true;
  /** A permit for a credential that is accepted once, through introspection. */
  readonly singleUse?: true;
  /** All that was looked at, for the record: from it the decision can be made again. Never a secret. */
  readonly input?: object;
}

export interface Policy {
  /** Whether policies were asked, so that what they rest on has to be kept. */
  readonly contextual: boolean;
  /** Never throws for want of a fact: what cannot be decided is denied. */
  decide(input: DecisionInput): Decision;
  /** The facts about a principal that its decisions rest on, as JSON: `principalFrom` of it decides the same. */
  factsOf(principal: PrincipalFacts): string;
}
