// What the configuration says of one trusted issuer, made ready for use.
import type { RoleGrant } from '../domain/principal.js';
import type { RunTemplate } from '../domain/run.js';
import type { SignatureAlgorithm } from '../jws/algorithms.js';

/** A claim must equal one of these, or match one of these globs; an array claim, with any of its members. */
export type ClaimRule = { readonly claim: string; readonly anyOf: readonly (string | number | boolean)[] };

/** role ← claims that must all match. */
export interface RoleRule {
  readonly grant: RoleGrant;
  readonly claims: readonly ClaimRule[];
}

interface TrustTerms {
  readonly name: string;
  /** The token must be meant for one of these. */
  readonly audiences: readonly string[];
  readonly algorithms: readonly SignatureAlgorithm[];
  /** How far clocks may differ, for `exp`, `nbf` and `iat`. */
  readonly clockToleranceMs: number;
  /** Tokens whose `iat` is older than this are refused. */
  readonly maxTokenAgeMs: number;
  /** Every token is good for one request only; `jti` is required. */
  readonly oneTime: boolean;
  readonly roles: readonly RoleRule[];
}

interface IssuerTerms extends TrustTerms {
  /** The exact `iss`. */
  readonly issuer: string;
  /** Where the keys are: found by discovery when both are absent. */
  readonly jwksUri?: string;
  /** A JWKS that was read from a file: no request goes out. */
  readonly jwks?: { readonly keys: readonly Record<string, unknown>[] };
  /** The only authorities, PEM, that may vouch for where the keys are; Node's own when absent. */
  readonly caFile?: string;
}

export interface OidcTrust extends IssuerTerms {
  readonly kind: 'oidc';
}

/** Projected service-account tokens of one cluster. */
export interface KubernetesTrust extends IssuerTerms {
  readonly kind: 'kubernetes';
  /** The token that we show the API server when we ask for its keys. */
  readonly tokenFile?: string;
}

/** Jobs of GitHub Actions. */
export interface GithubTrust extends IssuerTerms {
  readonly kind: 'github';
  /** Each run gets a task of its own from this. */
  readonly runs?: RunTemplate;
}

/** Workloads of one SPIFFE trust domain, by their JWT-SVIDs. */
export interface SpiffeTrust extends TrustTerms {
  readonly kind: 'spiffe';
  readonly trustDomain: string;
  /** The SPIFFE ID of the trust domain: what stands for an `iss`, which a JWT-SVID need not have. */
  readonly issuer: string;
  readonly bundle: BundlePlace;
}

/** Where a trust domain's bundle is: a file, or an endpoint (SPIFFE Federation, profile https_web). */
export type BundlePlace = { readonly path: string } | { readonly endpoint: string; readonly caFile?: string };

export type TrustedIssuer = OidcTrust | KubernetesTrust | GithubTrust | SpiffeTrust;
