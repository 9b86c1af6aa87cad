// A database with a broker's role that may do what docs/postgres.md says and no more, and a minter that works as it.
import { readFileSync } from 'node:fs';
import type { Client } from 'pg';
import { systemClock } from '../../../src/domain/clock.js';
import { claim, narrow } from '../../../src/domain/grant.js';
import type { Grant } from '../../../src/domain/grant.js';
import { chance, leaseId } from '../../../src/domain/ids.js';
import type { ReservedLease } from '../../../src/domain/lease.js';
import type { PostgresCredential } from '../../../src/domain/postgres.js';
import { Refusal } from '../../../src/domain/refusal.js';
import { Secret } from '../../../src/domain/secret.js';
import type { Tool } from '../../../src/domain/tool.js';
import { Catalogue } from '../../../src/domain/tool.js';
import type { Minted } from '../../../src/minters/minter.js';
import type { PostgresLogin } from '../../../src/minters/postgres/postgres-minter.js';
import { PostgresMinter } from '../../../src/minters/postgres/postgres-minter.js';
import type { PostgresServer } from '../../fixtures/postgres.js';

export const ISSUER = 'https://broker.example';
export const BROKER = { user: 'mayfly_broker', password: 'of-the-broker' };
/** Enough on a busy machine, and little to wait for where nothing answers. */
const PATIENCE = { connectMs: 1000, lockMs: 600, statementMs: 1000, killMs: 4000 };

/** What the page tells an administrator to run, by its heading. */
const [, rights = ''] =
  /<!-- rights -->\s*```sql\n([\s\S]*?)```/.exec(readFileSync('docs/postgres.md', 'utf8')) ?? [];

/** The database `app` with the tables that the page speaks of, and one `reports` beside it. */
export async function prepare(server: PostgresServer): Promise<void> {
  const admin = await server.admin();
  await admin.query('CREATE DATABASE app');
  await admin.query('CREATE DATABASE reports');
  const app = await server.admin('app');
  await app.query(`CREATE TABLE accounts (id int PRIMARY KEY, name text); INSERT INTO accounts VALUES (1, 'Ada');
    CREATE TABLE payroll (id int PRIMARY KEY, salary int); INSERT INTO payroll VALUES (1, 100);
    CREATE TABLE "odd ""name" (id int); CREATE SCHEMA scratch`);
  await app.query(rights.replace('the password', BROKER.password));
  // For tests of names, the same right on more.
  await app.query(`GRANT SELECT ON payroll, "odd ""name" TO ${BROKER.user} WITH GRANT OPTION`);
  await Promise.all([admin.end(), app.end()]);
}

export const credentialFor = (
  server: Pick<PostgresServer, 'port'>,
  more: Partial<PostgresCredential> = {},
): PostgresCredential => ({
  kind: 'postgres',
  host: '127.0.0.1',
  port: server.port,
  database: 'app',
  user: BROKER.user,
  password: new Secret(BROKER.password),
  connectionLimit: 3,
  grants: {
    read: ['GRANT SELECT ON accounts TO {{role}}'],
    table: ['GRANT SELECT ON {{resource:identifier}} TO {{role}}'],
    create: ['GRANT CREATE, USAGE ON SCHEMA scratch TO {{role}}'],
  },
  ...more,
});

export const toolFor = (credential: PostgresCredential): Tool => ({
  name: 'app-db',
  plane: 'data',
  audience: 'https://app-db.example',
  actions: Object.keys(credential.grants),
  sensitivity: 'internal',
  maxTtlMs: 300_000,
  renewable: false,
  credential,
});

export function grantOf(tool: Tool, actions: readonly string[], resources?: readonly string[]): Grant {
  const asked = { actions, ...(resources && { details: [{ resources }] }) };
  const claimed = claim(asked, tool, { agents: ['*'], tools: [{ tool: tool.name, actions: tool.actions }] });
  if (claimed instanceof Refusal) throw new Error(claimed.detail);
  return narrow(asked, claimed, tool, { policyDigest: 'digest' });
}

export function leaseFor(tool: Tool, ttlMs = 60_000): ReservedLease {
  const now = Date.now();
  return {
    id: leaseId(now, 0, chance()),
    tool: tool.name,
    kind: 'postgres',
    state: 'reserved',
    issuedAt: now,
    expiresAt: Math.ceil((now + ttlMs) / 1000) * 1000,
  } as unknown as ReservedLease;
}

export const minterFor = (...tools: readonly Tool[]): PostgresMinter =>
  new PostgresMinter({
    issuer: ISSUER,
    catalogue: new Catalogue(tools),
    clock: systemClock(),
    patience: PATIENCE,
  });

export const loginIn = ({ secret }: Pick<Minted, 'secret'>): PostgresLogin =>
  JSON.parse(secret.reveal()) as PostgresLogin;

/** As an agent does: with what it was handed, and nothing else. */
export function logIn(server: PostgresServer, minted: Minted, database?: string): Promise<Client> {
  const login = loginIn(minted);
  return server.connect({ ...login, ...(database !== undefined && { database }) });
}
