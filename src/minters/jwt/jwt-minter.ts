// Mints at+jwt credentials (RFC 9068). The lease was committed before: signing only writes down what it says.
import type { Grant } from '../../domain/grant.js';
import type { ActiveLease } from '../../domain/lease.js';
import { Refusal } from '../../domain/refusal.js';
import { Secret } from '../../domain/secret.js';
import type { StatusEntry } from '../../domain/status-list.js';
import { statusListUri } from '../../domain/status-list.js';
import { composeCompact } from '../../jws/compact.js';
import { signSync } from '../../jws/signature.js';
import type { KeyRing } from '../../keys/key-ring.js';
import type { Minted, SigningMinter } from '../minter.js';

export const ACCESS_TOKEN_TYPE = 'at+jwt';
/**
 * Of a credential that is good once, through introspection alone: whoever checks credentials without asking takes only
 * `at+jwt` (RFC 9068 §4), and so refuses this one.
 */
export const SINGLE_USE_TYPE = 'mayfly-single-use+jwt';

/** Claims of a credential, beside those that RFC 9068 §2.2 asks for. */
export interface CredentialClaims {
  readonly iss: string;
  readonly sub: string;
  readonly aud: string;
  readonly exp: number;
  readonly iat: number;
  readonly nbf: number;
  readonly jti: string;
  readonly client_id: string;
  readonly scope: string;
  readonly task_id: string;
  readonly tool: string;
  readonly plane: string;
  readonly authorization_details?: readonly object[];
  readonly single_use?: true;
  /** Where `sub` does not begin with it, as a SPIFFE ID does not: by it verifiers recognise a kill of all it vouches for. */
  readonly trust?: string;
  /** Where a list tells whether it is dead (Token Status List). */
  readonly status?: { readonly status_list: { readonly idx: number; readonly uri: string } };
  /** The key without which it is worth nothing (RFC 9449 §6). */
  readonly cnf?: { readonly jkt: string };
}

export class JwtMinter implements SigningMinter {
  readonly kind = 'jwt';
  readonly external = false;
  readonly class = 'pushed';
  readonly #issuer: string;
  readonly #keys: KeyRing;
  readonly #listed: boolean;

  /** `listed`: whether there are status lists now; a lease may be older than that. */
  constructor(issuer: string, keys: KeyRing, listed = false) {
    this.#issuer = issuer;
    this.#keys = keys;
    this.#listed = listed;
  }

  keyId(): string {
    return this.#keys.current().kid;
  }

  mint(lease: ActiveLease, grant: Grant, now: number): Minted | Refusal {
    const key = this.#keys.byId(lease.keyId ?? '');
    if (!key)
      return new Refusal(
        'key_revoked',
        `the key of ${lease.id} is gone: nobody has what it would have signed`,
      );
    const issuedAt = Math.floor(now / 1000);
    const claims: CredentialClaims = {
      iss: this.#issuer,
      sub: lease.agent,
      aud: grant.tool.audience,
      exp: lease.expiresAt / 1000,
      iat: issuedAt,
      nbf: issuedAt,
      jti: lease.id,
      client_id: lease.agent,
      scope: grant.actions.join(' '),
      task_id: lease.taskId,
      tool: lease.tool,
      plane: lease.plane,
      ...(grant.details && { authorization_details: grant.details }),
      ...(lease.singleUse && { single_use: true }),
      ...(!lease.agent.startsWith(`${lease.trust}/`) && { trust: lease.trust }),
      ...(this.#listed && lease.status && { status: statusClaim(this.#issuer, lease.status) }),
      ...(lease.jkt !== undefined && { cnf: { jkt: lease.jkt } }),
    };
    checkOutput(claims, lease, grant);
    const header = {
      alg: key.algorithm,
      typ: lease.singleUse ? SINGLE_USE_TYPE : ACCESS_TOKEN_TYPE,
      kid: key.kid,
    };
    const token = composeCompact(header, claims, (input) => signSync(key.algorithm, key.privateKey, input));
    return {
      secret: new Secret(token),
      issuedTokenType: 'urn:ietf:params:oauth:token-type:access_token',
      tokenType: lease.jkt === undefined ? 'Bearer' : 'DPoP',
    };
  }
}

/** Token Status List, "Referenced Token". */
const statusClaim = (issuer: string, { list, index }: StatusEntry): CredentialClaims['status'] & object => ({
  status_list: { idx: index, uri: statusListUri(issuer, list) },
});

/** Audience, time and binding against the lease and the grant: a mistake upstream ends here, not at a tool. */
function checkOutput(claims: CredentialClaims, lease: ActiveLease, grant: Grant): void {
  const wrong =
    (claims.aud !== lease.audience && 'audience') ||
    (lease.tool !== grant.tool.name && 'tool') ||
    (lease.plane !== grant.tool.plane && 'plane') ||
    (!Number.isInteger(claims.exp) && 'exp') ||
    (claims.exp <= claims.iat && 'exp') ||
    (grant.singleUse !== lease.singleUse && 'single_use') ||
    (!grant.actions.every((action) => lease.actions.includes(action)) && 'scope');
  if (wrong) throw new Error(`a credential for ${lease.id} would not match its lease in ${wrong}`);
}
