// A lease: our record of one credential, and the only ways in which it may change.
import type { LeaseId, PrincipalName, RequestId, TaskId } from './ids.js';
import type { AuthorizationDetail } from './grant.js';
import type { CredentialKind, Plane } from './tool.js';
import type { Selector } from './selector.js';
import type { StatusEntry } from './status-list.js';
import type { DecisionBasis } from './tree-context.js';

export const LEASE_STATES = ['reserved', 'active', 'revoking', 'revoked', 'expired', 'irrevocable'] as const;
export type LeaseState = (typeof LEASE_STATES)[number];

/** What may happen to a lease. */
export type LeaseChange = 'activate' | 'renew' | 'kill' | 'lapse' | 'confirm' | 'give_up' | 'retry' | 'force';

/**
 * From a state, by a change, to a state; what is not listed cannot happen.
 * `confirm` of a lease that ran out by itself ends `expired`: see `settledAs`.
 */
export const LEASE_TRANSITIONS: Readonly<Record<LeaseState, Partial<Record<LeaseChange, LeaseState>>>> = {
  reserved: { activate: 'active', kill: 'revoking', lapse: 'revoking' },
  active: { renew: 'active', kill: 'revoking', lapse: 'revoking' },
  revoking: { confirm: 'revoked', give_up: 'irrevocable' },
  irrevocable: { retry: 'revoking', force: 'revoked' },
  revoked: {},
  expired: {},
};

/** When revoking one takes effect where the credential is honoured (invariant 10). */
export type RevocationClass = 'immediate' | 'pushed' | 'eventual' | 'expiry-only';

/** What may be left of a credential that is confirmed to be dead; docs/receipts.md tells each. */
export const SURVIVORS = ['caller_identity', 'begun_work', 'service_tokens', 'written_data'] as const;
export type Survivor = (typeof SURVIVORS)[number];

/** Why a lease ended: the selector that named it, or its time. */
export interface LeaseEnding {
  readonly at: number;
  readonly cause: 'ttl' | 'mint_failed' | 'mint_unknown' | Selector['kind'];
  /** What the selector named; absent for `ttl` and `mint_*`. */
  readonly name?: string;
  readonly reason?: string;
  readonly requestId?: RequestId;
  /** It is `revoked` by a human's word. No target ever confirmed it (invariant 10). */
  readonly forced?: ForcedEnd;
}

export interface ForcedEnd {
  readonly at: number;
  readonly by: PrincipalName;
  readonly reason: string;
  readonly requestId: RequestId;
}

export interface Lease {
  readonly id: LeaseId;
  readonly taskId: TaskId;
  readonly agent: PrincipalName;
  /** Everyone in `act`, outermost first; an `agent` selector matches them too. */
  readonly actors: readonly PrincipalName[];
  readonly trust: string;
  readonly tool: string;
  readonly plane: Plane;
  readonly kind: CredentialKind | (string & {});
  /** The signing key of a JWT credential. */
  readonly keyId?: string;
  readonly audience: string;
  readonly actions: readonly string[];
  readonly details?: readonly AuthorizationDetail[];
  readonly policyDigest: string;
  /** Absent where no policies were asked. */
  readonly basis?: DecisionBasis;
  /** Good once, through introspection alone. */
  readonly singleUse?: true;
  /** Thumbprint of the key that the credential is bound to (RFC 9449 §6): without a proof by it, no renewal. */
  readonly jkt?: string;
  /** `<kind>:<id>` of the one instance that may hold it, where its task binds instances. */
  readonly instance?: string;
  /** Where a status list tells of it. */
  readonly status?: StatusEntry;
  /** The request that it was issued by. */
  readonly requestId: RequestId;
  /** Store time in milliseconds, as in the id; a whole second in `iat`. */
  readonly issuedAt: number;
  /** Milliseconds, always a whole second: the credential's `exp`. */
  readonly expiresAt: number;
  readonly state: LeaseState;
  readonly ended?: LeaseEnding;
  /** When the target had taken the order to kill it, where that is not yet its end: `confirmedAt` comes later. */
  readonly acceptedAt?: number;
  /** When the target was known to have let go of it. */
  readonly confirmedAt?: number;
}

declare const held: unique symbol;
/** A lease whose credential may be minted: only `reserveLease` makes one. */
export type ReservedLease = Lease & { readonly state: 'reserved'; readonly [held]?: 'reserved' };
/** A lease whose credential may be handed out: only a committed transition of the store makes one. */
export type ActiveLease = Lease & { readonly state: 'active'; readonly [held]?: 'active' };

/** A JWT has no copy at a target: its lease needs no one to go and kill it. */
export const isExternal = (kind: string): boolean => kind !== 'jwt';

/** What is recorded, seen at `now`. A kill that came after the lease had run out ended nothing. */
export function standing(
  lease: Pick<Lease, 'kind' | 'state' | 'expiresAt'>,
  killedAt: number | undefined,
  now: number,
): LeaseState {
  if (lease.state !== 'active' && lease.state !== 'reserved') return lease.state;
  const external = isExternal(lease.kind);
  if (killedAt !== undefined && killedAt < lease.expiresAt) return external ? 'revoking' : 'revoked';
  if (now >= lease.expiresAt) return external ? 'revoking' : 'expired';
  return lease.state;
}

/** The name of the end that a confirmed kill comes to: what ran out by itself is `expired`. */
export const settledAs = (cause: LeaseEnding['cause']): LeaseState =>
  cause === 'ttl' ? 'expired' : 'revoked';

/** Issuance arithmetic: whole seconds, never past the deadline (invariant 4). Undefined: not a second is left. */
export function expiryOf(issuedAt: number, ttlMs: number, deadline: number): number | undefined {
  const expiresAt = Math.floor(Math.min(issuedAt + ttlMs, deadline) / 1000) * 1000;
  return expiresAt > issuedAt ? expiresAt : undefined;
}
