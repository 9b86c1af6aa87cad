// The broker's configuration in the demo: one identity provider that it trusts, its tools, and the policies that ship.
import { fileURLToPath } from 'node:url';
import type { Database } from './database.js';

export const AUDIENCE = 'mayfly';
export const CRM_AUDIENCE = 'https://crm.example';

export const configuration =
  (idp: string, database?: Database) =>
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
${database ? orders(database) : ''}policies: ${fileURLToPath(new URL('../../config/policies', import.meta.url))}
`;

/** A login for each lease, which is dropped with its sessions when the task ends. */
const orders = ({ port, name, user, passwordFile }: Database): string => `  orders:
    plane: data
    audience: https://orders.example
    actions: [read]
    credential:
      kind: postgres
      host: 127.0.0.1
      port: ${port}
      database: ${name}
      user: ${user}
      password_file: ${passwordFile}
      tls: false
      actions: { read: { grant: ['GRANT SELECT ON orders TO {{role}}'] } }
`;
