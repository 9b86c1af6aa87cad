// From an entry of trust without mistakes to what tokens are verified by.
import { resolve } from 'node:path';
import { ROLES } from '../../domain/principal.js';
import type { RoleRule, TrustedIssuer } from '../../identity/trust.js';
import type { KeySet } from '../jwks-file.js';
import { claimsOf, type Rule } from './rules.js';
import type { TrustConfiguration } from './schema.js';

/** `jwks`: what was read from `jwks_file`. Other files are read again and again, and so only named. */
export function trustedIssuer(
  entry: TrustConfiguration,
  folder: string,
  jwks: KeySet | undefined,
): TrustedIssuer {
  const terms = {
    name: entry.name,
    audiences: entry.audience,
    algorithms: entry.algorithms,
    clockToleranceMs: entry.clock_tolerance,
    maxTokenAgeMs: entry.max_token_age,
    oneTime: entry.one_time,
    roles: roleRules(entry),
  };
  const at = (file: string | undefined) => (file === undefined ? undefined : resolve(folder, file));
  const caFile = at(entry.ca_file);
  const ca = caFile === undefined ? {} : { caFile };
  if (entry.kind === 'spiffe') {
    const { trust_domain: trustDomain, bundle_file: file, bundle_endpoint: endpoint = '' } = entry;
    const bundle = file === undefined ? { endpoint, ...ca } : { path: at(file)! };
    return { ...terms, kind: 'spiffe', trustDomain, issuer: `spiffe://${trustDomain}`, bundle };
  }
  const issuer = {
    ...terms,
    issuer: entry.issuer,
    ...(entry.jwks_uri !== undefined && { jwksUri: entry.jwks_uri }),
    ...(jwks && { jwks }),
    ...ca,
  };
  switch (entry.kind) {
    case 'oidc':
      return { ...issuer, kind: 'oidc' };
    case 'kubernetes': {
      const tokenFile = at(entry.token_file);
      return { ...issuer, kind: 'kubernetes', ...(tokenFile !== undefined && { tokenFile }) };
    }
    case 'github':
      return { ...issuer, kind: 'github', ...(entry.runs && { runs: runTemplate(entry.runs) }) };
  }
}

type Runs = NonNullable<Extract<TrustConfiguration, { kind: 'github' }>['runs']>;

const runTemplate = ({ task_prefix: prefix, ttl: ttlMs, tools }: Runs) => ({
  prefix,
  ttlMs,
  tools: tools.map(({ tool, actions, resources }) => ({ tool, actions, ...(resources && { resources }) })),
});

function roleRules({ kind, roles }: TrustConfiguration): RoleRule[] {
  return ROLES.flatMap((role) =>
    ([roles[role] ?? []].flat() as Rule[]).map((rule) => ({
      grant: { role, ...(rule.tasks && { tasks: rule.tasks }), ...(rule.tools && { tools: rule.tools }) },
      claims: Object.entries(claimsOf(rule)).map(([claim, value]) => ({
        claim,
        // Every claim of GitHub is a text, also those that read as numbers and truth values in YAML.
        anyOf: kind === 'github' ? [value].flat().map(String) : [value].flat(),
      })),
    })),
  );
}
