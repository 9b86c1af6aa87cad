// A credential that was checked: what it says, and who vouched that it is alive.
import type { AuthorizationDetail } from '../../domain/grant.js';

/** Made by `Verifier.verify` alone. It tells of the moment at which it was checked: verify again for each call. */
export interface VerifiedCredential {
  /** The agent: `<trust>/<sub>`, or a SPIFFE ID. */
  readonly sub: string;
  readonly leaseId: string;
  readonly taskId: string;
  readonly tool: string;
  readonly plane: string;
  readonly actions: readonly string[];
  /** Which resources, and which actions on them (RFC 9396). Absent: no bound on resources. */
  readonly details?: readonly AuthorizationDetail[];
  /** Milliseconds since 1970, by the broker's store. */
  readonly expiresAt: number;
  /** The key whose proof has to come with it (RFC 9449 §6). */
  readonly jkt?: string;
  /** `feed`: in memory, against every kill that was heard of. `introspection`: the broker was asked just now. */
  readonly confirmedBy: 'feed' | 'introspection';
  /** All that the broker signed. */
  readonly claims: Readonly<Record<string, unknown>>;
}
