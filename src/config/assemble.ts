// From a configuration without mistakes to the settings that the broker runs by.
import { digestOf, sha256 } from '../domain/digest.js';
import { DAY_MS, HOUR_MS } from '../domain/duration.js';
import { Catalogue, type Tool } from '../domain/tool.js';
import type { LoadedPolicies } from '../policy/cedar/load.js';
import { certificateFiles } from './certificate-files.js';
import type { CredentialFiles } from './credential/files.js';
import { credentialSettings } from './credential/settings.js';
import type { KeySet } from './jwks-file.js';
import { limitSettings } from './limits-schema.js';
import type { LoadOptions } from './load-options.js';
import type { RedisFiles } from './redis-files.js';
import type { Configuration } from './schema.js';
import type { Settings, StoreSettings } from './settings.js';
import { storeSettings } from './store-settings.js';
import { trustedIssuer } from './trust/settings.js';

/** What was read from the files that the configuration names. */
export interface NamedFiles {
  /** By the index of the trust entry. */
  readonly keySets: ReadonlyMap<number, KeySet>;
  readonly policies?: LoadedPolicies;
  readonly redis: RedisFiles;
  /** By the tool's name. */
  readonly credentials: ReadonlyMap<string, CredentialFiles>;
}

/** Where nothing is said. Redis keeps records in memory, which costs more than a disk and ends sooner. */
const RETENTION: Readonly<Record<StoreSettings['kind'], { leaseMs: number; auditMs: number }>> = {
  embedded: { leaseMs: DAY_MS, auditMs: 90 * DAY_MS },
  redis: { leaseMs: HOUR_MS, auditMs: 7 * DAY_MS },
};

export function assemble(
  configuration: Configuration,
  folder: string,
  { keySets, policies, redis, credentials }: NamedFiles,
  { extraTrust = [], instead = {} }: LoadOptions,
): Settings {
  const { keys, http } = configuration;
  const catalogue = new Catalogue(toolsOf(configuration, credentials));
  const store = instead.store ?? storeSettings(configuration.store, folder, redis);
  return {
    issuer: instead.issuer ?? configuration.issuer,
    listen: instead.listen ?? configuration.listen,
    // Who listens elsewhere than the file says, listens as they say: with none of this.
    ...(!instead.listen && listenersOf(configuration, folder)),
    trustedProxies: instead.listen ? [] : configuration.trusted_proxies,
    store,
    keys: {
      algorithm: keys.algorithm,
      rotateEveryMs: keys.rotate_every,
      publishAheadMs: keys.publish_ahead,
      clockSkewMs: keys.clock_skew,
    },
    feed: { heartbeatMs: configuration.feed.heartbeat },
    kills: configuration.kills,
    reconciliation: { everyMs: configuration.reconciliation.every },
    dpop: {
      nonces: configuration.dpop.nonces,
      maxAgeMs: configuration.dpop.proof_max_age,
      clockToleranceMs: configuration.dpop.clock_tolerance,
    },
    ...(configuration.status_list && { statusList: { ttlMs: configuration.status_list.ttl } }),
    tasks: { maxTtlMs: configuration.tasks.max_ttl },
    retention: {
      taskMs: configuration.task_retention,
      leaseMs: configuration.lease_retention ?? RETENTION[store.kind].leaseMs,
      auditMs: configuration.audit_retention ?? RETENTION[store.kind].auditMs,
    },
    http: {
      bodyLimitBytes: http.body_limit,
      headerLimitBytes: http.header_limit,
      requestTimeoutMs: http.request_timeout,
      headersTimeoutMs: http.headers_timeout,
      answerTimeoutMs: http.answer_timeout,
      idleTimeoutMs: http.idle_timeout,
      maxConnections: http.max_connections,
      maxConnectionsPerAddress: http.max_connections_per_address,
      drainTimeoutMs: http.drain_timeout,
    },
    logLevel: configuration.log_level,
    trust: [
      ...configuration.trust.map((entry, index) => trustedIssuer(entry, folder, keySets.get(index))),
      ...extraTrust,
    ],
    catalogue,
    limits: limitSettings(configuration.limits),
    ...(policies && { policies }),
    policyDigest: policyDigest(catalogue, policies),
  };
}

const listenersOf = (
  { tls, operations, metrics }: Configuration,
  folder: string,
): Pick<Settings, 'tls' | 'operations' | 'metrics'> => ({
  ...(tls && { tls: certificateFiles(tls, folder) }),
  ...(operations && { operations: operations.listen }),
  ...(metrics && { metrics: metrics.listen }),
});

const toolsOf = ({ tools }: Configuration, credentials: NamedFiles['credentials']): Tool[] =>
  Object.entries(tools).map(([name, tool]) => ({
    name,
    plane: tool.plane,
    audience: tool.audience,
    actions: tool.actions,
    sensitivity: tool.sensitivity,
    maxTtlMs: tool.max_ttl,
    renewable: tool.renewable,
    ...(tool.require_dpop && { requireDpop: true as const }),
    credential: credentialSettings(tool.credential, credentials.get(name)),
  }));

/** The order of entries in a file decides nothing, so it is not in the digest either. */
export const policyDigest = (catalogue: Catalogue, policies?: Pick<LoadedPolicies, 'files'>): string =>
  digestOf({
    tools: Object.fromEntries(catalogue.all().map((tool) => [tool.name, tool])),
    policies: (policies?.files ?? []).map(({ name, text }) => ({ name, digest: sha256(text) })),
  });
