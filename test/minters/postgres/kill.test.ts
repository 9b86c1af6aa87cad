// What a kill of a PostgreSQL login leaves behind: nobody at work, and nothing that it made.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Client } from 'pg';
import type { PostgresCredential } from '../../../src/domain/postgres.js';
import type { ReservedLease } from '../../../src/domain/lease.js';
import { Catalogue } from '../../../src/domain/tool.js';
import type { Minted } from '../../../src/minters/minter.js';
import type { PostgresMinter } from '../../../src/minters/postgres/postgres-minter.js';
import { leaseKey, lockForMint, rightsKey } from '../../../src/minters/postgres/locks.js';
import { roleOf } from '../../../src/minters/postgres/role.js';
import { PostgresServer, hasPostgres } from '../../fixtures/postgres.js';
import { until } from '../../fixtures/until.js';
import { BROKER, credentialFor, grantOf, leaseFor, logIn, minterFor, prepare, toolFor } from './scene.js';

let server: PostgresServer;
let admin: Client;
let reports: Client;
const minters: PostgresMinter[] = [];

beforeAll(async () => {
  if (!hasPostgres) return;
  server = await PostgresServer.start();
  await prepare(server);
  admin = await server.admin('app');
  reports = await server.admin('reports');
});
afterAll(async () => {
  await Promise.all(minters.map((minter) => minter.close()));
  await server?.close();
});

interface Minting {
  readonly minter: PostgresMinter;
  readonly lease: ReservedLease;
  readonly minted: Minted;
  readonly role: string;
}

async function minting(more: Partial<PostgresCredential> = {}): Promise<Minting> {
  const tool = toolFor(credentialFor(server, more));
  const minter = minterFor(tool);
  minters.push(minter);
  const lease = leaseFor(tool);
  const minted = await minter.mint(lease, grantOf(tool, ['read', 'create']));
  return { minter, lease, minted, role: roleOf(lease.id) };
}

const found = async (text: string, values: unknown[] = [], where = admin): Promise<boolean> =>
  (await where.query(text, values)).rows.length > 0;
const roleExists = (role: string): Promise<boolean> =>
  found('SELECT 1 FROM pg_roles WHERE rolname = $1', [role]);
const ended = (client: Client): Promise<void> =>
  new Promise((resolve) => client.once('end', () => resolve()));

const inTime = async (work: Promise<void>): Promise<void> => {
  const begun = performance.now();
  await work;
  // One wait for a lock, and none of those that are waited for in vain.
  expect(performance.now() - begun).toBeLessThan(2500);
};

(hasPostgres ? describe : describe.skip)('a kill', () => {
  test('ends a query that is running, every other session, and every further login', async () => {
    const { minter, lease, minted, role } = await minting();
    const [busy, idle] = [await logIn(server, minted), await logIn(server, minted, 'reports')];
    const idleEnded = ended(idle);
    const query = busy.query('SELECT pg_sleep(600)').then(
      () => 'it ended by itself',
      (error: Error) => error.message,
    );
    await until('the query is running', () =>
      found(`SELECT 1 FROM pg_stat_activity WHERE usename = $1 AND state = 'active'`, [role]),
    );
    await minter.revoke(lease);
    expect(await query).toMatch(/terminat/);
    await idleEnded;
    await expect(logIn(server, minted)).rejects.toThrow('password authentication failed');
    expect(await roleExists(role)).toBe(false);
    expect(await found('SELECT 1 FROM pg_stat_activity WHERE usename = $1', [role])).toBe(false);
  });

  test('leaves no table, function, large object or right, in whichever database it made them', async () => {
    const { minter, lease, minted, role } = await minting();
    const [here, there] = [await logIn(server, minted), await logIn(server, minted, 'reports')];
    await here.query('CREATE TABLE scratch.notes AS SELECT 1 AS id');
    await here.query('CREATE FUNCTION scratch.door() RETURNS int SECURITY DEFINER LANGUAGE sql RETURN 1');
    await here.query('GRANT SELECT ON scratch.notes TO PUBLIC');
    // A role may do as it likes with itself.
    await here.query(`ALTER ROLE "${role}" PASSWORD 'another'`);
    await here.query(`ALTER ROLE "${role}" SET search_path = scratch`);
    await here.query('ALTER DEFAULT PRIVILEGES IN SCHEMA scratch GRANT SELECT ON TABLES TO PUBLIC');
    // Others have hung theirs on it.
    await admin.query('CREATE VIEW scratch.over_notes AS SELECT * FROM scratch.notes');
    const object = (await there.query('SELECT lo_from_bytea(0, $1) AS oid', [Buffer.from('kept')])).rows[0]
      .oid;
    await minter.revoke(lease);
    expect(await found(`SELECT 1 FROM pg_class WHERE relname IN ('notes', 'over_notes')`)).toBe(false);
    expect(await found(`SELECT 1 FROM pg_proc WHERE proname = 'door'`)).toBe(false);
    expect(await found('SELECT 1 FROM pg_largeobject_metadata WHERE oid = $1', [object], reports)).toBe(
      false,
    );
    const [{ acl }] = (
      await admin.query(`SELECT relacl::text AS acl FROM pg_class WHERE relname = 'accounts'`)
    ).rows;
    expect(acl).not.toContain(role);
    expect(await found('SELECT 1 FROM pg_default_acl')).toBe(false);
    expect(await roleExists(role)).toBe(false);
  });

  test.each(['app', 'reports'])('rolls back what was prepared for a later commit in %s', async (database) => {
    const { minter, lease, minted, role } = await minting();
    const agent = await logIn(server, minted, database);
    await agent.query('BEGIN; CREATE TEMP TABLE x (id int); ROLLBACK');
    await agent.query(`BEGIN; SELECT lo_create(4711); PREPARE TRANSACTION 'it''s for later'`);
    expect(await found('SELECT 1 FROM pg_prepared_xacts WHERE owner = $1', [role])).toBe(true);
    await minter.revoke(lease);
    expect(await found('SELECT 1 FROM pg_prepared_xacts')).toBe(false);
    expect(await roleExists(role)).toBe(false);
  });

  test('hands what was made to a role that can do nothing, where that is configured', async () => {
    const { minter, lease, minted } = await minting({ reassignTo: 'left_behind' });
    const agent = await logIn(server, minted);
    await agent.query('CREATE TABLE scratch.kept AS SELECT 42 AS answer');
    await agent.query('CREATE FUNCTION scratch.kept_too() RETURNS int LANGUAGE sql RETURN 1');
    await minter.revoke(lease);
    const { rows } = await admin.query(`SELECT answer, tableowner FROM scratch.kept, pg_tables
      WHERE tablename = 'kept'`);
    expect(rows).toEqual([{ answer: 42, tableowner: 'left_behind' }]);
    expect(await found(`SELECT 1 FROM pg_proc WHERE proname = 'kept_too'`)).toBe(true);
  });

  test('hands nothing to a role that somebody can use, and nothing is minted that would be', async () => {
    await admin.query('CREATE ROLE heir LOGIN; GRANT heir TO mayfly_broker');
    await expect(minting({ reassignTo: 'heir' })).rejects.toThrow('must be one that can do nothing');
    await expect(minting({ reassignTo: 'nobody_at_all' })).rejects.toThrow('is not there');
  });

  test('goes to no database that is not named, where some are: it says so, and nobody can log in all the same', async () => {
    const { minter, lease, minted, role } = await minting({ databases: ['elsewhere'] });
    const agent = await logIn(server, minted, 'reports');
    await agent.query('SELECT lo_create(0)');
    await expect(minter.revoke(lease)).rejects.toThrow(
      'has left something in reports: name that under databases',
    );
    await expect(logIn(server, minted)).rejects.toThrow(/password|not permitted/);
    const tool = toolFor(credentialFor(server, { databases: ['reports'] }));
    minter.apply(new Catalogue([tool]));
    await minter.revoke(lease);
    expect(await roleExists(role)).toBe(false);
  });

  test('finds what was made before the configuration said otherwise, and says where it cannot', async () => {
    const { minter, lease, role } = await minting();
    minter.apply(new Catalogue([]));
    await minter.revoke(lease);
    expect(await roleExists(role)).toBe(false);
    const other = minterFor();
    await expect(other.revoke(lease)).rejects.toThrow('app-db is no tool of kind postgres any more');
  });

  test('needs of the broker what the page says, and the broker has nothing else', async () => {
    const { rows } = await admin.query(
      `SELECT rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls,
         ARRAY(SELECT roleid::regrole::text FROM pg_auth_members WHERE member = r.oid ORDER BY 1) AS "memberOf"
       FROM pg_roles r WHERE rolname = 'mayfly_broker'`,
    );
    expect(rows).toEqual([
      {
        rolsuper: false,
        rolcreatedb: false,
        rolcreaterole: true,
        rolreplication: false,
        rolbypassrls: false,
        memberOf: ['heir', 'left_behind', 'pg_signal_backend'],
      },
    ]);
    await admin.query('REVOKE heir FROM mayfly_broker');
    const { minter, lease, minted } = await minting();
    await logIn(server, minted);
    await admin.query('REVOKE pg_signal_backend FROM mayfly_broker');
    await expect(minter.revoke(lease)).rejects.toThrow('pg_signal_backend');
    // What comes first has come.
    await expect(logIn(server, minted)).rejects.toThrow(/password|not permitted/);
    await admin.query('GRANT pg_signal_backend TO mayfly_broker');
    await minter.revoke(lease);
  });

  describe('cannot be held up by an agent', () => {
    test('that changes its own role in a transaction that it leaves open', async () => {
      const { minter, lease, minted, role } = await minting();
      const agent = await logIn(server, minted);
      await agent.query(`BEGIN; ALTER ROLE "${role}" PASSWORD 'another'`);
      await inTime(minter.revoke(lease));
      expect(await roleExists(role)).toBe(false);
    });

    test.each(['app', 'reports'])(
      'that prepares such a transaction in %s, and holds our locks in it',
      async (database) => {
        const { minter, lease, minted, role } = await minting();
        const agent = await logIn(server, minted, database);
        await agent.query(`BEGIN; ALTER ROLE "${role}" PASSWORD 'another'; ${lockForMint(lease.id)};
        SELECT pg_advisory_xact_lock(${rightsKey(BROKER.user)}); PREPARE TRANSACTION 'mine'`);
        await agent.end();
        await inTime(minter.revoke(lease));
        expect(await roleExists(role)).toBe(false);
      },
    );

    test('that holds the locks of mints and kills, of its own and of others', async () => {
      const [held, holding] = [await minting(), await minting()];
      const agent = await logIn(server, holding.minted);
      const gone = ended(agent);
      await agent.query(
        `SELECT pg_advisory_lock(${rightsKey(BROKER.user)}), pg_advisory_lock(${leaseKey(held.lease.id)})`,
      );
      await inTime(held.minter.revoke(held.lease));
      await gone;
      const again = await logIn(server, holding.minted);
      await again.query(`SELECT pg_advisory_lock(${rightsKey(BROKER.user)})`);
      const third = await minting();
      await inTime(third.minter.revoke(third.lease));
      await holding.minter.revoke(holding.lease);
    });

    test('that holds the locks of others in a transaction that it prepared', async () => {
      const [held, holding] = [await minting(), await minting()];
      const agent = await logIn(server, holding.minted);
      await agent.query(`BEGIN; ${lockForMint(held.lease.id)}; SELECT pg_advisory_xact_lock(${rightsKey(BROKER.user)});
        PREPARE TRANSACTION 'theirs'`);
      // Its lock is waited for in vain once, and then the kill goes on.
      await held.minter.revoke(held.lease);
      expect(await roleExists(held.role)).toBe(false);
      await inTime(holding.minter.revoke(holding.lease));
    });
  });

  test('finds the role of a mint that it waited for, whatever isolation the database has sessions begin with', async () => {
    await admin.query(`ALTER DATABASE app SET default_transaction_isolation = 'repeatable read'`);
    try {
      const tool = toolFor(credentialFor(server));
      const minter = minterFor(tool);
      minters.push(minter);
      const lease = leaseFor(tool);
      const mint = await server.connect({ ...BROKER, database: 'app' });
      await mint.query(`BEGIN; ${lockForMint(lease.id)}; CREATE ROLE "${roleOf(lease.id)}" LOGIN`);
      const kill = minter.revoke(lease);
      await until('the kill waits for it', () =>
        found(`SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`),
      );
      await mint.query('COMMIT');
      await kill;
      expect(await roleExists(roleOf(lease.id))).toBe(false);
    } finally {
      await admin.query('ALTER DATABASE app RESET default_transaction_isolation');
    }
  });

  test('of many at once, each with a running query, ends all of them', async () => {
    const made = await Promise.all(Array.from({ length: 12 }, () => minting()));
    const { minter } = made[0]!;
    const queries = await Promise.all(
      made.map(async ({ minted }) => {
        const agent = await logIn(server, minted);
        return { ended: agent.query('SELECT pg_sleep(600)').catch(() => 'ended') };
      }),
    );
    await Promise.all(made.map(({ lease }) => minter.revoke(lease)));
    expect(await Promise.all(queries.map((query) => query.ended))).toEqual(made.map(() => 'ended'));
    expect(await found(`SELECT 1 FROM pg_roles WHERE rolname LIKE 'mayfly\\_lease%'`)).toBe(false);
  });
});
