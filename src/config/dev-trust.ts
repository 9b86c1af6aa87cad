// The trusted issuer that `mayfly dev` adds to its file: one name per role, signed for by keys that live as long as it does.
import type { Role } from '../domain/principal.js';
import type { OidcTrust, RoleRule } from '../identity/trust.js';

const DEV_TRUST_NAME = 'dev';
export const DEV_AUDIENCE = 'mayfly';

export const devIssuer = (brokerUrl: string): string => `${brokerUrl}/dev`;

const byName = (role: Role, sub: string): RoleRule => ({
  grant: { role },
  claims: [{ claim: 'sub', anyOf: [sub] }],
});

/** For a broker at this URL. Never for production: whoever holds the keys is anybody. */
export function devTrust(brokerUrl: string, jwks: NonNullable<OidcTrust['jwks']>): OidcTrust {
  return {
    name: DEV_TRUST_NAME,
    kind: 'oidc',
    issuer: devIssuer(brokerUrl),
    audiences: [DEV_AUDIENCE],
    algorithms: ['ES256'],
    jwks,
    clockToleranceMs: 30_000,
    maxTokenAgeMs: 24 * 60 * 60_000,
    oneTime: false,
    roles: [
      byName('agent', 'agent-*'),
      byName('orchestrator', 'planner'),
      byName('operator', 'operator'),
      byName('approver', 'approver'),
      byName('auditor', 'auditor'),
      byName('verifier', 'verifier'),
      { grant: { role: 'verifier', tools: ['crm'] }, claims: [{ claim: 'sub', anyOf: ['crm-api'] }] },
    ],
  };
}
