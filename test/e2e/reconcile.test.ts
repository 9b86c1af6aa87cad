// Reconciliation on a real PostgreSQL: what a lost store, or a hand, has left there dies, and nothing that lives by its lease does.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { Secret } from '../../src/domain/secret.js';
import { chance, leaseId } from '../../src/domain/ids.js';
import { roleOf } from '../../src/minters/postgres/role.js';
import type { ReconciliationView } from '../../src/wire/reconciliation.js';
import { type Ran, ran } from '../cli/fake-shell.js';
import { TestBroker } from '../fixtures/broker.js';
import { CRM, SEARCH } from '../fixtures/broker-configuration.js';
import type { Credential } from '../fixtures/broker-client.js';
import { PostgresServer, hasPostgres } from '../fixtures/postgres.js';
import { until } from '../fixtures/until.js';
import { BROKER, prepare } from '../minters/postgres/scene.js';

const ISSUER = 'http://127.0.0.1:8420';
let server: PostgresServer;
let admin: Client;
let broker: TestBroker;
let terms: Record<string, unknown>;

beforeAll(async () => {
  if (!hasPostgres) return;
  server = await PostgresServer.start();
  await prepare(server);
  admin = await server.admin('app');
  const password = join(server.folder, 'broker-password');
  writeFileSync(password, BROKER.password);
  const tool = (name: string, port = server.port): object => ({
    plane: 'data',
    audience: `https://${name}.example`,
    actions: ['read'],
    credential: {
      kind: 'postgres',
      host: '127.0.0.1',
      port,
      database: 'app',
      user: BROKER.user,
      password_file: password,
      tls: false,
      actions: { read: { grant: ['GRANT SELECT ON accounts TO {{role}}'] } },
    },
  });
  // Nobody listens on port 1. All runs are asked for.
  const tools = {
    crm: CRM,
    search: SEARCH,
    'app-db': tool('app-db'),
    reports: tool('reports'),
    gone: tool('gone', 1),
  };
  terms = { issuer: ISSUER, tools, reconciliation: { every: '0s' } };
  broker = await TestBroker.start({ terms });
});
afterAll(async () => {
  await broker?.stop();
  await server?.close();
});

async function login(task: string, tool = 'app-db'): Promise<Credential> {
  const manifest = ['app-db', 'reports'].map((name) => ({ tool: name, actions: ['read'] }));
  await broker.openTask({ id: task, tools: manifest });
  return broker.credential('agent-1', { task_id: task, audience: tool, scope: 'read' });
}
const clientFor = ({ access_token: text }: Credential): Client => {
  const { host, port, database, user, password } = JSON.parse(text) as Record<string, string>;
  const client = new Client({ host, port: Number(port), database, user, password, ssl: false });
  client.on('error', () => {});
  return client;
};
async function opens(credential: Credential): Promise<boolean> {
  const client = clientFor(credential);
  try {
    await client.connect();
    return (await client.query('SELECT name FROM accounts')).rowCount === 1;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => {});
  }
}
const exists = async (name: string): Promise<boolean> =>
  (await admin.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [name])).rowCount === 1;

/** By the broker's own role, which alone may take back what it gave. */
async function byHand(statements: string): Promise<void> {
  const client = await server.connect({ ...BROKER, database: 'app' });
  await client.query(statements);
  await client.end();
}
/** As a broker says on a role whose it is. */
const mark =
  (tool: string, issuer = ISSUER) =>
  (id: string): string =>
    `Mayfly ${issuer}: ${id} of ${tool}, until 2030-01-01T00:00:00.000Z`;
async function roleByHand(comment: (lease: string) => string): Promise<string> {
  const id = leaseId(Date.now(), 0, chance());
  const name = roleOf(id);
  await byHand(`CREATE ROLE "${name}" LOGIN; COMMENT ON ROLE "${name}" IS '${comment(id)}'`);
  return name;
}

async function reconcile(tool?: string): Promise<ReconciliationView['targets']> {
  const reply = await broker.post<ReconciliationView>(
    '/v1/reconciliations',
    'operator',
    tool === undefined ? {} : { tool },
  );
  expect(reply.status).toBe(200);
  return reply.body.targets;
}
const counts = (more: object = {}): object => ({
  tool: 'app-db',
  listed: 0,
  orphans: 0,
  killed: 0,
  failed: 0,
  missing: 0,
  undone: 0,
  ...more,
});
const mayfly = (...args: string[]): Promise<Ran> =>
  ran(args, { environment: { url: broker.url, token: new Secret(broker.workloads.token('operator')) } });

(hasPostgres ? describe : describe.skip)('reconciliation', () => {
  test('kills the logins of a store that was lost, open sessions included, and not those that are on record', async () => {
    const lost = await login('before');
    const session = clientFor(lost);
    await session.connect();
    const ended = new Promise<void>((resolve) => void session.once('end', resolve));
    await broker.halt();
    for (const name of ['mayfly.db', 'mayfly.db-wal', 'mayfly.db-shm'])
      rmSync(join(broker.folder, name), { force: true });
    broker = await broker.restart({ terms });
    const live = await login('after');
    expect([await opens(lost), await opens(live)]).toEqual([true, true]);

    expect(await reconcile('app-db')).toEqual([counts({ listed: 2, orphans: 1, killed: 1 })]);
    await ended;
    expect([await opens(lost), await opens(live)]).toEqual([false, true]);
    const events = await broker.audit({ lease: lost.lease_id });
    expect(events).toMatchObject([
      { action: 'credential.orphan', outcome: 'permitted', tool: 'app-db', detail: { lease: 'unknown' } },
    ]);
    const run = await broker.audit({ request: events[0]!.request_id });
    expect(run.find(({ action }) => action === 'target.reconcile')).toMatchObject({
      principal: 'cluster/operator',
      detail: { targets: [{ tool: 'app-db', killed: 1 }] },
    });
    expect((await mayfly('why', lost.lease_id)).out).toContain(
      'was found at the target of app-db without a live lease',
    );
    await broker.complete('after');
    await until('the live one is dead as well', async () => !(await opens(live)));
  });

  test('kills a role that somebody made by hand in our name, and leaves alone what is not in our name', async () => {
    const ours = await roleByHand(mark('app-db'));
    const others = [
      await roleByHand(mark('app-db', `${ISSUER}1`)),
      await roleByHand(() => 'somebody made this'),
    ];
    expect(await reconcile('app-db')).toEqual([counts({ listed: 1, orphans: 1, killed: 1 })]);
    expect(await exists(ours)).toBe(false);
    for (const name of others) expect(await exists(name)).toBe(true);
  });

  test('counts each login for its own tool, where two are on one server, and those of forgotten tools as well', async () => {
    await roleByHand(mark('reports'));
    await roleByHand(mark('app-db'));
    const forgotten = await roleByHand(mark('of-long-ago'));
    expect(await reconcile('reports')).toEqual([
      counts({ tool: 'reports', listed: 2, orphans: 2, killed: 2 }),
    ]);
    expect(await exists(forgotten)).toBe(false);
    expect(await reconcile('app-db')).toEqual([counts({ listed: 1, orphans: 1, killed: 1 })]);
  });

  test('tells of a login that somebody dropped by hand, and of a target that is down, and ends with 1', async () => {
    const dropped = await login('run-dropped');
    const name = roleOf(dropped.lease_id as Parameters<typeof roleOf>[0]);
    await byHand(`GRANT "${name}" TO CURRENT_USER; DROP OWNED BY "${name}"; DROP ROLE "${name}"`);
    const shown = await mayfly('reconcile');
    expect([shown.exit, shown.out.split('\n').map((line) => line.replaceAll(/ +/g, ' '))]).toEqual([
      1,
      [
        'TOOL LISTED ORPHANS KILLED FAILED MISSING UNDONE RESULT',
        'app-db 0 0 0 0 1 0 differed',
        'reports 0 0 0 0 0 0 as on record',
        'gone - 0 0 0 0 0 could not be done',
        '',
      ],
    ]);
    expect(shown.err).toContain('something may be alive that has no live lease');
    expect(shown.err).toMatch(/gone: postgres 127\.0\.0\.1:1\/app: .*ECONNREFUSED/);
    const one = await mayfly('reconcile', '--tool', 'app-db', '--json');
    expect([one.exit, JSON.parse(one.out)]).toEqual([0, { targets: [counts({ missing: 1 })] }]);
    const page = await mayfly('metrics');
    expect(page.out).toContain('mayfly_drift_total{tool="app-db",kind="missing"} 1\n');
    expect(page.out).toContain('mayfly_drift_left{tool="app-db",kind="missing"} 1\n');
    await broker.complete('run-dropped');
  });

  test('goes on where a reload took the tool away, until nothing that was made there can live', async () => {
    broker.configure({ ...terms, tools: { crm: CRM, search: SEARCH } });
    expect(await broker.live.reload()).toMatchObject({ swapped: true });
    const left = await roleByHand(mark('app-db'));
    expect(await reconcile('app-db')).toEqual([counts({ listed: 1, orphans: 1, killed: 1 })]);
    expect(await exists(left)).toBe(false);
  });

  test('has nothing to say of tools without a target, and knows no tool that is not there', async () => {
    expect(await mayfly('reconcile', '--tool', 'crm')).toMatchObject({ exit: 0, out: '' });
    expect((await mayfly('reconcile', '--tool', 'none')).exit).toBe(3);
  });
});
