// From a configuration without mistakes to the settings that the broker runs by.
import { resolve } from 'node:path';
import { digestOf, sha256 } from '../domain/digest.js';
import { ROLES } from '../domain/principal.js';
import { Catalogue, type Tool } from '../domain/tool.js';
import type { RoleRule, TrustedIssuer } from '../identity/trust.js';
import type { KeySet } from './jwks-file.js';
import type { PolicyFile } from './policy-files.js';
import type { Configuration } from './schema.js';
import type { Settings } from './settings.js';
import { claimsOf } from './trust-schema.js';

/** What was read from the files that the configuration names. */
export interface NamedFiles {
  /** By the index of the trust entry. */
  readonly keySets: ReadonlyMap<number, KeySet>;
  readonly policies?: readonly PolicyFile[];
}

export function assemble(
  configuration: Configuration,
  folder: string,
  { keySets, policies }: NamedFiles,
  extraTrust: readonly TrustedIssuer[],
): Settings {
  const { keys, http } = configuration;
  const catalogue = new Catalogue(toolsOf(configuration));
  return {
    issuer: configuration.issuer,
    listen: configuration.listen,
    store: { kind: configuration.store.kind, path: resolve(folder, configuration.store.path) },
    keys: {
      algorithm: keys.algorithm,
      rotateEveryMs: keys.rotate_every,
      publishAheadMs: keys.publish_ahead,
      clockSkewMs: keys.clock_skew,
    },
    tasks: { maxTtlMs: configuration.tasks.max_ttl },
    retention: {
      taskMs: configuration.task_retention,
      leaseMs: configuration.lease_retention,
      auditMs: configuration.audit_retention,
    },
    http: {
      bodyLimitBytes: http.body_limit,
      requestTimeoutMs: http.request_timeout,
      headersTimeoutMs: http.headers_timeout,
      drainTimeoutMs: http.drain_timeout,
    },
    logLevel: configuration.log_level,
    trust: [
      ...configuration.trust.map((entry, index) => trustedIssuer(entry, keySets.get(index))),
      ...extraTrust,
    ],
    catalogue,
    ...(policies && { policies }),
    policyDigest: policyDigest(catalogue, policies),
  };
}

const toolsOf = ({ tools }: Configuration): Tool[] =>
  Object.entries(tools).map(([name, tool]) => ({
    name,
    plane: tool.plane,
    audience: tool.audience,
    actions: tool.actions,
    sensitivity: tool.sensitivity,
    maxTtlMs: tool.max_ttl,
    renewable: tool.renewable,
    credential: tool.credential,
  }));

function trustedIssuer(entry: Configuration['trust'][number], jwks: KeySet | undefined): TrustedIssuer {
  return {
    name: entry.name,
    kind: entry.kind,
    issuer: entry.issuer,
    audiences: entry.audience,
    algorithms: entry.algorithms,
    ...(entry.jwks_uri !== undefined && { jwksUri: entry.jwks_uri }),
    ...(jwks && { jwks }),
    clockToleranceMs: entry.clock_tolerance,
    maxTokenAgeMs: entry.max_token_age,
    oneTime: entry.one_time,
    roles: roleRules(entry.roles),
  };
}

const roleRules = (roles: Configuration['trust'][number]['roles']): RoleRule[] =>
  ROLES.flatMap((role) =>
    [roles[role] ?? []].flat().map((rule) => ({
      grant: { role, ...(rule.tasks && { tasks: rule.tasks }), ...(rule.tools && { tools: rule.tools }) },
      claims: Object.entries(claimsOf(rule)).map(([claim, value]) => ({ claim, anyOf: [value].flat() })),
    })),
  );

/** The order of entries in a file decides nothing, so it is not in the digest either. */
const policyDigest = (catalogue: Catalogue, policies: readonly PolicyFile[] = []): string =>
  digestOf({
    tools: Object.fromEntries(catalogue.all().map((tool) => [tool.name, tool])),
    policies: policies.map(({ name, text }) => ({ name, digest: sha256(text) })),
  });
