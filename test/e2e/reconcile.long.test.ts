// A broker that was told nothing compares its targets by itself, soon after it has started.
import { expect, test } from '@jest/globals';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chance, leaseId } from '../../src/domain/ids.js';
import { roleOf } from '../../src/minters/postgres/role.js';
import { TestBroker } from '../fixtures/broker.js';
import { CRM, SEARCH } from '../fixtures/broker-configuration.js';
import { PostgresServer, hasPostgres } from '../fixtures/postgres.js';
import { until } from '../fixtures/until.js';
import { BROKER, prepare } from '../minters/postgres/scene.js';

/** The safety net looks twice a minute. */
const SOON_MS = 90_000;

(hasPostgres ? test : test.skip)(
  'what nobody has a lease of is gone without anybody asking, and that is on record',
  async () => {
    const server = await PostgresServer.start();
    await prepare(server);
    const password = join(server.folder, 'broker-password');
    writeFileSync(password, BROKER.password);
    const credential = {
      kind: 'postgres',
      host: '127.0.0.1',
      port: server.port,
      database: 'app',
      user: BROKER.user,
      password_file: password,
      tls: false,
      actions: { read: { grant: ['GRANT SELECT ON accounts TO {{role}}'] } },
    };
    const tool = { plane: 'data', audience: 'https://app-db.example', actions: ['read'], credential };
    const broker = await TestBroker.start({
      terms: { tools: { crm: CRM, search: SEARCH, 'app-db': tool } },
    });
    try {
      const id = leaseId(Date.now(), 0, chance());
      const client = await server.connect({ ...BROKER, database: 'app' });
      const comment = `Mayfly ${broker.url}: ${id} of app-db, until 2030-01-01T00:00:00.000Z`;
      await client.query(
        `CREATE ROLE "${roleOf(id)}" LOGIN; COMMENT ON ROLE "${roleOf(id)}" IS '${comment}'`,
      );
      await client.end();
      const event = await until('it is on record', async () => (await broker.audit({ lease: id }))[0], {
        withinMs: SOON_MS,
        everyMs: 500,
      });
      expect(event).toMatchObject({ action: 'credential.orphan', outcome: 'permitted', tool: 'app-db' });
      const told = await until('the run is on record', async () => {
        const events = await broker.audit({ request: event.request_id });
        return events.find(({ action }) => action === 'target.reconcile');
      });
      expect(told).toMatchObject({ tool: 'app-db', detail: { orphans: 1, killed: 1 } });
      expect(told).not.toHaveProperty('principal');
      const admin = await server.admin('app');
      const { rowCount } = await admin.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [roleOf(id)]);
      expect(rowCount).toBe(0);
    } finally {
      await broker.stop();
      await server.close();
    }
  },
  SOON_MS + 60_000,
);
