// The broker's configuration in the demo: one identity provider that it trusts, three tools, and the policies that ship.
import { fileURLToPath } from 'node:url';

export const AUDIENCE = 'mayfly';
export const CRM_AUDIENCE = 'https://crm.example';

export const configuration =
  (idp: string) =>
  (url: string): string => `issuer: ${url}
listen: ${new URL(url).host}
store: { kind: embedded, path: ./mayfly.db }
trust:
  - name: cluster
    kind: oidc
    issuer: ${idp}
    audience: ${AUDIENCE}
    algorithms: [ES256]
    roles:
      agent: { sub: 'agent-*' }
      orchestrator: { sub: planner, tasks: ['run-*'] }
      operator: { sub: operator }
      verifier: { sub: crm-api, tools: [crm] }
tools:
  crm:
    plane: data
    audience: ${CRM_AUDIENCE}
    actions: [read, write]
    max_ttl: 5m
    credential: { kind: jwt }
  search:
    plane: tool
    audience: https://search.example
    actions: [query]
    credential: { kind: jwt }
  mail:
    plane: tool
    audience: https://mail.example
    actions: [send]
    credential: { kind: jwt }
policies: ${fileURLToPath(new URL('../../config/policies', import.meta.url))}
`;
