// Who is calling: a name that the trust configuration vouches for, and what it may do here.
import type { PrincipalName, TaskId } from './ids.js';
import type { OwnRun } from './run.js';
import { rootOf } from './ids.js';
import { anyMatches } from './glob.js';

export const ROLES = ['agent', 'orchestrator', 'operator', 'verifier', 'auditor', 'approver'] as const;
export type Role = (typeof ROLES)[number];

/** A role that a principal holds, and how far it reaches. */
export interface RoleGrant {
  readonly role: Role;
  /** Globs of the root task ids that it covers; absent: all. */
  readonly tasks?: readonly string[];
  /** Tools whose credentials it covers; absent: all. */
  readonly tools?: readonly string[];
}

/** What a task may be bound to: one pod, one run of a workflow, one key of a proof. */
export const INSTANCE_KINDS = ['pod', 'run', 'key'] as const;
export type InstanceKind = (typeof INSTANCE_KINDS)[number];

declare const proven: unique symbol;

/** Thumbprint (RFC 7638) of a key whose possession was proven in this very request. Made by `identity/dpop` alone. */
export type ProvenKey = string & { readonly [proven]: true };

declare const verified: unique symbol;

/** A principal whose token was checked. Made by `identity/` and nowhere else. */
export interface VerifiedPrincipal {
  readonly [verified]: true;
  readonly name: PrincipalName;
  readonly trust: string;
  readonly issuer: string;
  readonly subject: string;
  readonly roles: readonly RoleGrant[];
  readonly claims: Readonly<Record<string, unknown>>;
  /** Which one of the many that may bear this name: only what was proven, so absent where nothing was. */
  readonly instances: Readonly<Partial<Record<InstanceKind, string>>>;
  /** `cnf.jkt` of the token (RFC 9449 §6): it is worth nothing without a proof by this key. */
  readonly confirmedKey?: string;
  /** The run of a workflow that this is a job of, where its trust opens a task for each. */
  readonly run?: OwnRun;
  /** SHA-256 of the token: what records hold in its place. */
  readonly tokenDigest: string;
  /** When the proof ends, in milliseconds. */
  readonly expiresAt: number;
}

/** The one place that turns checked facts into a VerifiedPrincipal. Only `identity/` calls it. */
export const verifiedPrincipal = (facts: Omit<VerifiedPrincipal, typeof verified>): VerifiedPrincipal =>
  facts as VerifiedPrincipal;

export const rolesOf = (principal: VerifiedPrincipal, role: Role): RoleGrant[] =>
  principal.roles.filter((grant) => grant.role === role);

export const hasRole = (principal: VerifiedPrincipal, ...roles: Role[]): boolean =>
  principal.roles.some((grant) => roles.includes(grant.role));

/** True where one of these grants reaches the task's root id. */
export const reachesTask = (grants: readonly RoleGrant[], task: TaskId): boolean =>
  grants.some((grant) => grant.tasks === undefined || anyMatches(grant.tasks, rootOf(task)));

/** True where one of these grants reaches the tool. */
export const reachesTool = (grants: readonly RoleGrant[], tool: string): boolean =>
  grants.some((grant) => grant.tools === undefined || grant.tools.includes(tool));
