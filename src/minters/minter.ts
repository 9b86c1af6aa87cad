// The minter port: what makes, and unmakes, one kind of credential.
import type { Grant } from '../domain/grant.js';
import type { LeaseId, TaskId } from '../domain/ids.js';
import type { ActiveLease, Lease, ReservedLease, RevocationClass, Survivor } from '../domain/lease.js';
import type { Refusal } from '../domain/refusal.js';
import type { Secret } from '../domain/secret.js';

export interface Minted {
  readonly secret: Secret;
  /** RFC 8693 §2.2.1: what kind of token this is. */
  readonly issuedTokenType: string;
  readonly tokenType: 'Bearer' | 'DPoP' | 'N_A';
}

/** A credential that is signed, not made at a target: its lease needs one transition and nobody to go and kill it. */
export interface SigningMinter {
  readonly kind: string;
  readonly external: false;
  readonly class: RevocationClass;
  /** The key that the next credential will be signed with: fixed in the transition, before signing. */
  keyId(): string;
  /**
   * Signs and checks its own output. Throws where that is not what the lease says. Refuses (`key_revoked`) where the key
   * went while the lease was put on record: it was killed, or lost with its store.
   */
  mint(lease: ActiveLease, grant: Grant, now: number): Minted | Refusal;
}

/** The target has the order to kill it, and tells nobody when that is in force. */
export interface Accepted {
  /** From then on, `revoke` tells whether it is dead. */
  readonly againMs: number;
}

/** What a credential is killed by. Of one without a lease, `revocation/reconcile/` reads it off the name. */
export type Killable = Pick<Lease, 'id' | 'tool' | 'issuedAt' | 'expiresAt' | 'ended' | 'acceptedAt'>;

/** A credential that exists at a target. Names there derive from the lease id (invariant 2). */
export interface ExternalMinter {
  readonly kind: string;
  readonly external: true;
  readonly class: RevocationClass;
  /** What its kill does not reach; absent: nothing that it opened. */
  readonly survives?: readonly Survivor[];
  readonly needsSecretToRevoke: boolean;
  readonly listable: boolean;
  /** How long a mint may take before nobody can say any more whether it will come to be. */
  readonly mintDeadlineMs: number;
  /** Why a grant cannot be given at the target, where that is known before anything is put on record. */
  refuses?(grant: Grant, taskId: TaskId): Refusal | undefined;
  mint(lease: ReservedLease, grant: Grant): Promise<Minted>;
  /**
   * Resolves when the credential is dead at the target; of one that never was, at once. Idempotent. `Accepted`: to be
   * called again, with the lease as it is then.
   */
  revoke(lease: Killable, secret?: Secret): Promise<Accepted | void>;
  /** Puts right what a tool's target has of ours beside credentials: for a schedule. */
  tidy?(tool: string): Promise<Tidied>;
  /**
   * Where `listable`: the leases of everything that bears a name of ours at a tool's targets, in no order; those of
   * before, where a live lease may still have been made there, among them. What a broker of another issuer made is left
   * out, and what another tool has that is listed for itself. Throws where it cannot tell of all.
   */
  list?(tool: string): AsyncIterable<LeaseId>;
  /** Where `listable`: tools that are of this kind no more, and can be listed still. */
  formerTools?(): readonly string[];
}

export interface Tidied {
  /** How many kills somebody had undone at the target since the last time; they are in force again. */
  readonly undone: number;
  /** Why some of it could not be put right. */
  readonly failures: readonly unknown[];
}

export type Minter = SigningMinter | ExternalMinter;
