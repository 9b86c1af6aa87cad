// PostgreSQL as a target of the campaign of kills: roles that may log in are counted by its superuser.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LeaseId } from '../../../src/domain/ids.js';
import { leaseOf } from '../../../src/minters/postgres/role.js';
import { Gate } from '../../fixtures/gate/gate.js';
import { POSTGRES } from '../../fixtures/gate/messages.js';
import { PostgresServer } from '../../fixtures/postgres.js';
import { BROKER, prepare } from '../../minters/postgres/scene.js';
import type { Said, Target } from './target.js';

const MINT = { during: 'mint', among: /^Q.{4}BEGIN; SELECT pg_advisory_xact_lock/s } as const;
const KILL = { during: 'kill', among: /SELECT oid FROM pg_roles WHERE rolname/ } as const;

/** In the order in which they are said. */
const SAYINGS: readonly Said[] = [
  { ...MINT, name: 'BEGIN and the lock of the lease', at: /BEGIN; SELECT pg_advisory_xact_lock/ },
  {
    ...MINT,
    name: 'CREATE ROLE, and the lock of rights',
    at: /CREATE ROLE[^]*SELECT pg_try_advisory_xact_lock/,
  },
  { ...MINT, name: 'GRANT', at: /GRANT SELECT/ },
  { ...MINT, name: 'how the role came out', at: /AS powerful/ },
  { ...MINT, name: 'COMMIT', at: /AS in_time; COMMIT/ },
  { ...KILL, name: 'whether there is a role', at: /SELECT oid FROM pg_roles WHERE rolname/ },
  { ...KILL, name: 'NOLOGIN', at: /NOLOGIN PASSWORD NULL; COMMIT/ },
  {
    ...KILL,
    name: 'the end of sessions',
    at: /SELECT pg_terminate_backend\(pid\) FROM pg_stat_get_activity/,
  },
  { ...KILL, name: 'the lock of the lease', at: /SELECT pg_try_advisory_lock[^]*SELECT oid FROM pg_roles/ },
  { ...KILL, name: 'membership, and what it holds', at: /TO CURRENT_USER[^]*pg_shdepend/ },
  { ...KILL, name: 'the lock of rights', at: /SAVEPOINT before_lock; SELECT pg_try_advisory_xact_lock/ },
  { ...KILL, name: 'DROP ROLE', at: /DROP ROLE/ },
  { ...KILL, name: 'the release of the lease', at: /SELECT pg_advisory_unlock/ },
];

export async function postgresTarget(): Promise<Target> {
  const server = await PostgresServer.start();
  await prepare(server);
  const gate = await Gate.open({ port: server.port, protocol: POSTGRES });
  const admin = await server.admin('app');
  const passwordFile = join(server.folder, 'broker-password');
  writeFileSync(passwordFile, BROKER.password);
  const roles = async (canLogin: boolean): Promise<Set<LeaseId>> => {
    const { rows } = await admin.query<{ name: string }>(
      'SELECT rolname AS name FROM pg_roles WHERE rolcanlogin = $1',
      [canLogin],
    );
    return new Set(rows.map(({ name }) => leaseOf(name)).filter((id) => id !== undefined));
  };
  return {
    tool: {
      plane: 'data',
      audience: 'https://target.example',
      actions: ['read'],
      max_ttl: '1h',
      credential: {
        kind: 'postgres',
        host: '127.0.0.1',
        port: gate.port,
        database: 'app',
        user: BROKER.user,
        password_file: passwordFile,
        tls: false,
        actions: { read: { grant: ['GRANT SELECT ON accounts TO {{role}}'] } },
      },
    },
    gate,
    sayings: SAYINGS,
    alive: () => roles(true),
    remains: async () => {
      const { rows } = await admin.query<{ name: string }>(
        'SELECT DISTINCT usename AS name FROM pg_stat_activity',
      );
      const able = await roles(true);
      const inUse = rows.map(({ name }) => leaseOf(name ?? '')).filter((id) => id !== undefined);
      return [
        ...[...(await roles(false))].map((id) => `the role of ${id}`),
        ...inUse.filter((id) => !able.has(id)).map((id) => `a session of ${id}`),
      ];
    },
    opens: async (credential, stays = false) => {
      const { user, password, database } = JSON.parse(credential) as Record<string, string>;
      try {
        const agent = await server.connect({
          user: user!,
          password: password!,
          database: database!,
        });
        const { rowCount } = await agent.query('SELECT * FROM accounts');
        if (!stays) await agent.end();
        return rowCount === 1;
      } catch (error) {
        if (/password authentication failed|not permitted to log in/.test(String(error))) return false;
        throw error;
      }
    },
    close: async () => {
      await gate.close();
      await server.close();
    },
  };
}
