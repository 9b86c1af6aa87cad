// Logins to a real PostgreSQL: what was granted and nothing else, and nothing left of them when they are killed.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Client } from 'pg';
import type { PostgresCredential } from '../../../src/domain/postgres.js';
import type { ReservedLease } from '../../../src/domain/lease.js';
import { Secret } from '../../../src/domain/secret.js';
import type { Minted } from '../../../src/minters/minter.js';
import type { PostgresMinter } from '../../../src/minters/postgres/postgres-minter.js';
import { roleOf } from '../../../src/minters/postgres/role.js';
import { PostgresServer, hasPostgres } from '../../fixtures/postgres.js';
import { makeCertificates } from '../../fixtures/redis/certificates.js';
import { Relay } from '../../fixtures/relay.js';
import { until } from '../../fixtures/until.js';
import {
  credentialFor,
  grantOf,
  ISSUER,
  leaseFor,
  logIn,
  loginIn,
  minterFor,
  prepare,
  toolFor,
} from './scene.js';

const certificates = makeCertificates();
let server: PostgresServer;
let admin: Client;
const minters: PostgresMinter[] = [];

beforeAll(async () => {
  if (!hasPostgres) return;
  server = await PostgresServer.start(certificates);
  await prepare(server);
  admin = await server.admin('app');
});
afterAll(async () => {
  await Promise.all(minters.map((minter) => minter.close()));
  await server?.close();
});

interface Given {
  readonly minter: PostgresMinter;
  readonly lease: ReservedLease;
  readonly mint: () => Promise<Minted>;
}

/** A minter for one tool, and a lease of it. */
function given(
  actions: readonly string[],
  { resources, ttlMs, ...more }: { resources?: string[]; ttlMs?: number } & Partial<PostgresCredential> = {},
): Given {
  const tool = toolFor(credentialFor(server, more));
  const minter = minterFor(tool);
  minters.push(minter);
  const lease = leaseFor(tool, ttlMs);
  const grant = grantOf(tool, actions, resources);
  return { minter, lease, mint: () => minter.mint(lease, grant) };
}

const rows = async (text: string, values: unknown[] = []): Promise<unknown[]> =>
  (await admin.query(text, values)).rows;
const roleExists = async ({ id }: ReservedLease): Promise<boolean> =>
  (await rows('SELECT 1 FROM pg_roles WHERE rolname = $1', [roleOf(id)])).length > 0;

const relayed = async (): Promise<{ relay: Relay; port: number }> => {
  const relay = await Relay.start(`http://127.0.0.1:${server.port}`);
  return { relay, port: Number(new URL(relay.url).port) };
};
const isCommit = (piece: Buffer): boolean => piece.includes('in_time');

const SELECT_PAYROLL = 'SELECT * FROM payroll';
const GRANT_READ = 'GRANT SELECT ON accounts TO {{role}}';

(hasPostgres ? describe : describe.skip)('a login to PostgreSQL', () => {
  test('is all that a client needs, as JSON, and opens what was granted and nothing else', async () => {
    const { lease, mint, minter } = given(['read']);
    const minted = await mint();
    expect(minted).toMatchObject({ issuedTokenType: 'urn:mayfly:token-type:postgres', tokenType: 'N_A' });
    expect(loginIn(minted)).toEqual({
      host: '127.0.0.1',
      port: server.port,
      database: 'app',
      user: `mayfly_${lease.id}`,
      password: expect.stringMatching(/^[\w-]{43}$/),
      sslmode: 'disable',
      expires_at: new Date(lease.expiresAt).toISOString(),
    });
    const agent = await logIn(server, minted);
    expect((await agent.query('SELECT name FROM accounts')).rows).toEqual([{ name: 'Ada' }]);
    await expect(agent.query(SELECT_PAYROLL)).rejects.toThrow('permission denied');
    await expect(agent.query('INSERT INTO accounts VALUES (2)')).rejects.toThrow('permission denied');
    await expect(agent.query('CREATE TABLE mine ()')).rejects.toThrow('permission denied');
    await minter.revoke(lease);
  });

  test('has no more sessions at a time than configured', async () => {
    const { mint, minter, lease } = given(['read'], { connectionLimit: 1 });
    const minted = await mint();
    await logIn(server, minted);
    await expect(logIn(server, minted)).rejects.toThrow('too many connections');
    await minter.revoke(lease);
  });

  test('lets nobody in after its time, even where no kill ever came', async () => {
    const { mint, minter, lease } = given(['read'], { ttlMs: -5000 });
    const minted = await mint();
    await expect(logIn(server, minted)).rejects.toThrow('password authentication failed');
    await minter.revoke(lease);
  });

  test('stands in the log of the server without its password, which the server never got', async () => {
    const { mint, minter, lease } = given(['read']);
    const { password } = loginIn(await mint());
    const agent = await server.connect({ user: roleOf(lease.id), password, database: 'app' });
    await agent.query('SELECT 1');
    await minter.revoke(lease);
    expect(server.log).toContain(`CREATE ROLE "${roleOf(lease.id)}"`);
    expect(server.log).not.toContain(password);
  });

  test('says on its role whose it is and until when, and brokers of another issuer leave it alone', async () => {
    const { mint, minter, lease } = given(['read']);
    await mint();
    const [{ comment }] = (await rows(
      `SELECT shobj_description(oid, 'pg_authid') AS comment FROM pg_roles WHERE rolname = $1`,
      [roleOf(lease.id)],
    )) as [{ comment: string }];
    expect(comment).toBe(
      `Mayfly ${ISSUER}: ${lease.id} of app-db, until ${new Date(lease.expiresAt).toISOString()}`,
    );
    await rows(`COMMENT ON ROLE "${roleOf(lease.id)}" IS 'Mayfly https://other.example: ${lease.id}'`);
    const listed: string[] = [];
    for await (const id of minter.list('app-db')) listed.push(id);
    expect(listed).not.toContain(lease.id);
    await minter.revoke(lease);
  });
});

(hasPostgres ? describe : describe.skip)('what a caller names', () => {
  test('is the name of one object, whatever is in it', async () => {
    const { mint, minter, lease } = given(['table'], { resources: ['odd "name'] });
    const agent = await logIn(server, await mint());
    expect((await agent.query('SELECT * FROM "odd ""name"')).rows).toEqual([]);
    await minter.revoke(lease);
  });

  test.each([
    'payroll" TO PUBLIC; --',
    'accounts, payroll',
    'accounts TO mayfly_broker; GRANT SELECT ON payroll',
    'public.payroll',
    'accounts"; ALTER ROLE mayfly_broker SUPERUSER; --',
  ])('%s is no object, and nothing comes of it', async (resource) => {
    const { mint, lease } = given(['table'], { resources: [resource] });
    await expect(mint()).rejects.toThrow('does not exist');
    expect(await roleExists(lease)).toBe(false);
  });

  test('is a text for a function, whatever is in it', async () => {
    const grants = { note: ['ALTER ROLE {{role}} SET application_name = {{resource:literal}}'] };
    const resource = "it's; DROP TABLE accounts; --";
    const { mint, minter, lease } = given(['note'], { resources: [resource], grants });
    await mint();
    const [row] = await rows('SELECT rolconfig FROM pg_roles WHERE rolname = $1', [roleOf(lease.id)]);
    expect(row).toEqual({ rolconfig: [`application_name=${resource}`] });
    await minter.revoke(lease);
  });

  test('does not take our name from a role, where a grant is a comment on it', async () => {
    const grants = { note: ['COMMENT ON ROLE {{role}} IS {{resource:literal}}'] };
    const resource = 'Mayfly https://other.example: mine';
    const { mint, minter, lease } = given(['note'], { resources: [resource], grants });
    await mint();
    const listed: string[] = [];
    for await (const id of minter.list('app-db')) listed.push(id);
    expect(listed).toContain(lease.id);
    await minter.revoke(lease);
  });

  test.each([
    ['a pattern', ['table'], ['acc*'], 'is a pattern'],
    ['a backslash', ['table'], ['a\\b'], 'not passed on'],
    ['a name that would be cut off', ['table'], ['a'.repeat(64)], 'longer than a name may be'],
    ['a resource where statements cannot keep to it', ['read'], ['accounts'], 'cannot keep to resources'],
    ['no resource where statements need one', ['table'], undefined, 'bounded to none'],
    ['everything where statements need a name', ['table'], ['*'], 'bounded to none'],
  ])('is refused before anything is made: %s', (_what, actions, resources, why) => {
    const tool = toolFor(credentialFor(server));
    const minter = minterFor(tool);
    expect(minter.refuses(grantOf(tool, actions, resources))).toMatchObject({
      reason: 'resource_not_granted',
      detail: expect.stringContaining(why),
    });
    expect(minter.refuses(grantOf(tool, ['read'], ['*']))).toBeUndefined();
  });
});

(hasPostgres ? describe : describe.skip)('a mint', () => {
  test.each([
    ['GRANT pg_execute_server_program TO {{role}}', 'could become "pg_execute_server_program"'],
    ['GRANT mayfly_broker TO {{role}}', 'could become'],
    ['ALTER ROLE {{role}} CREATEROLE', 'attributes that it must not have'],
    ["ALTER ROLE {{role}} VALID UNTIL 'infinity'", 'valid until another time'],
    ['ALTER ROLE {{role}} CONNECTION LIMIT -1', 'another connection limit'],
    ['GRANT SELECT ON payroll_2 TO {{role}}', 'relation "payroll_2" does not exist'],
  ])(
    'that would hand out more than a grant, or fails halfway, leaves nothing: %s',
    async (statement, why) => {
      const { mint, lease } = given(['read'], { grants: { read: [GRANT_READ, statement] } });
      await expect(mint()).rejects.toThrow(why);
      expect(await roleExists(lease)).toBe(false);
    },
  );

  test('of a connection that cannot be made says where, and shows no password', async () => {
    const { mint } = given(['read'], { password: new Secret('hunter2') });
    const failure = await mint().then(() => undefined, String);
    expect(failure).toContain(`postgres 127.0.0.1:${server.port}/app: password authentication failed`);
    expect(failure).not.toContain('hunter2');
  });

  test('that committed and could not say so is killed all the same', async () => {
    const { relay, port } = await relayed();
    const { mint, minter, lease } = given(['read'], { port });
    relay.holdsFrom = (piece) => {
      if (isCommit(piece)) relay.hold();
      return false;
    };
    await expect(mint()).rejects.toThrow('postgres');
    expect(await roleExists(lease)).toBe(true);
    relay.cut();
    relay.release();
    await minter.revoke(lease);
    expect(await roleExists(lease)).toBe(false);
    await relay.close();
  });

  test('whose COMMIT comes after its time, when the kill is over, comes to nothing', async () => {
    const { relay, port } = await relayed();
    const { mint, lease } = given(['read'], { port });
    const killer = given(['read']);
    relay.holdsFrom = isCommit;
    await expect(mint()).rejects.toThrow('postgres');
    // Its transaction still has the lock, so the kill that comes at once does not end before it.
    await killer.minter.revoke(lease).catch(() => undefined);
    relay.say();
    await until('its transaction is over', async () => {
      const held = await rows(`SELECT 1 FROM pg_locks WHERE locktype = 'advisory'`);
      return held.length === 0;
    });
    expect(await roleExists(lease)).toBe(false);
    await relay.close();
  });

  test('commits nothing once its time is over by the clock of the server', async () => {
    // Each of them in time, and both together not.
    const grants = { read: [1, 2].map((n) => `SELECT pg_sleep(0.6), ${n} FROM (SELECT 1) AS {{role}}`) };
    const { mint, lease } = given(['read'], { grants });
    await expect(mint()).rejects.toThrow('took longer than 1000 ms');
    expect(await roleExists(lease)).toBe(false);
  });
});
