// The configuration once it was read and found good: durations in milliseconds, files read, names resolved.
import type { Catalogue } from '../domain/tool.js';
import type { TrustedIssuer } from '../identity/trust.js';
import type { LimitSettings } from '../limits/settings.js';
import type { LoadedPolicies } from '../policy/cedar/load.js';
import type { SignatureAlgorithm } from '../jws/algorithms.js';
import type { RedisOptions } from '../store/redis/options.js';
import type { CertificateFiles } from './certificate-files.js';

/** What stays for as long as the broker runs. */
export interface FixedSettings {
  /** External URL, without a slash at the end: `iss` of what we sign. */
  readonly issuer: string;
  readonly listen: { readonly host: string; readonly port: number };
  /** Absent: plain http. The files are read again while we run. */
  readonly tls?: CertificateFiles;
  /** Addresses and ranges. */
  readonly trustedProxies: readonly string[];
  /** Every route once more, for whoever must not wait in line behind others. */
  readonly operations?: { readonly host: string; readonly port: number };
  readonly metrics?: { readonly host: string; readonly port: number };
  readonly store: StoreSettings;
  readonly keys: KeySettings;
  readonly feed: FeedSettings;
  readonly kills: { /** At a target, before somebody has to look. */ readonly attempts: number };
  readonly reconciliation: ReconciliationSettings;
  readonly dpop: DpopSettings;
  /** Absent: no status lists. */
  readonly statusList?: { readonly ttlMs: number };
  readonly tasks: {
    /** The longest that a task may last, extensions included. */
    readonly maxTtlMs: number;
  };
  readonly retention: { readonly taskMs: number; readonly leaseMs: number; readonly auditMs: number };
  readonly http: HttpSettings;
  readonly logLevel: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent';
}

export type StoreSettings =
  { readonly kind: 'embedded'; readonly path: string } | ({ readonly kind: 'redis' } & RedisOptions);

/** How proofs of possession are taken (RFC 9449). */
export interface DpopSettings {
  readonly nonces: 'optional' | 'required';
  readonly maxAgeMs: number;
  readonly clockToleranceMs: number;
}

export interface KeySettings {
  readonly algorithm: Extract<SignatureAlgorithm, 'ES256' | 'Ed25519' | 'RS256'>;
  readonly rotateEveryMs: number;
  /** A new key stands in the JWKS for this long before it signs, so that verifiers have it. */
  readonly publishAheadMs: number;
  /** Verifiers' clocks may be off by this much: how long a dead credential's record outlives its exp. */
  readonly clockSkewMs: number;
}

export interface FeedSettings {
  /** How often it is said, signed, until when nothing is missing. */
  readonly heartbeatMs: number;
}

export interface ReconciliationSettings {
  /** How often it runs by itself; 0: not at all. */
  readonly everyMs: number;
}

export interface HttpSettings {
  readonly bodyLimitBytes: number;
  /** Of the request line and the headers together. */
  readonly headerLimitBytes: number;
  readonly requestTimeoutMs: number;
  readonly headersTimeoutMs: number;
  /** For how long a caller may take to read its answer. */
  readonly answerTimeoutMs: number;
  /** For how long a connection is kept that has nothing to do. */
  readonly idleTimeoutMs: number;
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
  /** For how long a shutdown waits for what is in flight. */
  readonly drainTimeoutMs: number;
}

/** What SIGHUP swaps, as a whole. */
export interface SwappableSettings {
  readonly trust: readonly TrustedIssuer[];
  readonly catalogue: Catalogue;
  readonly limits: LimitSettings;
  /** The policies, checked and ready to decide; absent where none are configured. */
  readonly policies?: LoadedPolicies;
  /** Digest of the catalogue as configured, and of the policies when there are some: recorded with each decision. */
  readonly policyDigest: string;
}

export interface Settings extends FixedSettings, SwappableSettings {}
