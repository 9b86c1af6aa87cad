// What the configuration says of one trusted issuer, made ready for use.
import type { RoleGrant } from '../domain/principal.js';
import type { SignatureAlgorithm } from '../jws/algorithms.js';

/** A claim must equal one of these, or match one of these globs; an array claim, with any of its members. */
export type ClaimRule = { readonly claim: string; readonly anyOf: readonly (string | number | boolean)[] };

/** role ← claims that must all match. */
export interface RoleRule {
  readonly grant: RoleGrant;
  readonly claims: readonly ClaimRule[];
}

export interface TrustedIssuer {
  readonly name: string;
  readonly kind: 'oidc';
  /** The exact `iss`. */
  readonly issuer: string;
  /** The token must be meant for one of these. */
  readonly audiences: readonly string[];
  readonly algorithms: readonly SignatureAlgorithm[];
  /** Where the keys are: found by discovery when both are absent. */
  readonly jwksUri?: string;
  /** A JWKS that was read from a file: no request goes out. */
  readonly jwks?: { readonly keys: readonly Record<string, unknown>[] };
  /** How far clocks may differ, for `exp`, `nbf` and `iat`. */
  readonly clockToleranceMs: number;
  /** Tokens whose `iat` is older than this are refused; `iat` is required. */
  readonly maxTokenAgeMs: number;
  /** Every token is good for one request only; `jti` is required. */
  readonly oneTime: boolean;
  readonly roles: readonly RoleRule[];
}
