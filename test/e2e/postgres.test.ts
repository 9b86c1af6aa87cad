// A login to PostgreSQL over the broker's own routes: asked for with a workload token, used, and dead with the task.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import type { LeaseView } from '../../src/wire/leases.js';
import { TestBroker } from '../fixtures/broker.js';
import { CRM, SEARCH } from '../fixtures/broker-configuration.js';
import { PostgresServer, hasPostgres } from '../fixtures/postgres.js';
import { makeCertificates } from '../fixtures/redis/certificates.js';
import { until } from '../fixtures/until.js';
import { BROKER, prepare } from '../minters/postgres/scene.js';

const certificates = makeCertificates();
let server: PostgresServer;
let broker: TestBroker;
let tools: Record<string, object>;

beforeAll(async () => {
  if (!hasPostgres) return;
  server = await PostgresServer.start(certificates);
  await prepare(server);
  const inFolder = (name: string, content: string): string => {
    const path = join(server.folder, name);
    writeFileSync(path, content);
    return path;
  };
  const credential = {
    kind: 'postgres',
    host: '127.0.0.1',
    port: server.port,
    database: 'app',
    user: BROKER.user,
    password_file: inFolder('broker-password', BROKER.password),
    tls: { ca_file: inFolder('ca.pem', certificates.ca) },
    actions: { select: { grant: ['GRANT SELECT ON {{resource:identifier}} TO {{role}}'] } },
  };
  const tool = { plane: 'data', audience: 'https://app-db.example', actions: ['select'], credential };
  const stranger = { ca_file: inFolder('stranger.pem', makeCertificates().ca) };
  tools = {
    crm: CRM,
    search: SEARCH,
    'app-db': tool,
    'other-db': {
      ...tool,
      audience: 'https://other-db.example',
      credential: { ...credential, tls: stranger },
    },
  };
  broker = await TestBroker.start({ terms: { tools } });
});
afterAll(async () => {
  await broker?.stop();
  await server?.close();
});

const MANIFEST = [
  { tool: 'app-db', actions: ['select'], resources: ['acc*', 'payroll'] },
  { tool: 'other-db', actions: ['select'], resources: ['accounts'] },
];
const details = (...resources: string[]): string =>
  JSON.stringify([{ type: 'mayfly_tool', actions: ['select'], resources }]);
const openTask = (id: string) => broker.openTask({ id, tools: MANIFEST });
const clientFor = ({ access_token: text }: { access_token: string }): Client => {
  const { sslmode, expires_at: _end, ...login } = JSON.parse(text) as Record<string, string>;
  expect(sslmode).toBe('verify-full');
  const client = new Client({ ...login, ssl: { ca: certificates.ca } });
  client.on('error', () => {});
  return client;
};
const leaseOf = async (id: string): Promise<LeaseView> =>
  (await broker.get<LeaseView>(`/v1/leases/${id}`, 'operator')).body;

(hasPostgres ? describe : describe.skip)('a task with a database', () => {
  test('its login works until the task is complete: then the query ends, nobody logs in, and the lease is revoked', async () => {
    await openTask('run-pg');
    const parameters = { task_id: 'run-pg', audience: 'app-db', authorization_details: details('accounts') };
    const credential = await broker.credential('agent-1', parameters);
    expect(credential).toMatchObject({
      issued_token_type: 'urn:mayfly:token-type:postgres',
      token_type: 'N_A',
      scope: 'select',
      revocation: 'immediate',
    });
    const agent = clientFor(credential);
    await agent.connect();
    expect((await agent.query('SELECT name FROM accounts')).rows).toEqual([{ name: 'Ada' }]);
    await expect(agent.query('SELECT * FROM payroll')).rejects.toThrow('permission denied');
    const query = agent.query('SELECT pg_sleep(600)').catch((error: Error) => error.message);

    const begun = Date.now();
    expect((await broker.complete('run-pg')).status).toBe(200);
    expect(await query).toMatch(/terminat/);
    await expect(clientFor(credential).connect()).rejects.toThrow('password authentication failed');
    const lease = await until('the lease is revoked', async () => {
      const seen = await leaseOf(credential.lease_id);
      return seen.state === 'revoked' ? seen : undefined;
    });
    expect(Date.parse(lease.confirmed_at!)).toBeGreaterThanOrEqual(Math.floor(begun / 1000) * 1000);
    expect(lease).toMatchObject({ kind: 'postgres', ended: { cause: 'task' } });
    expect(await broker.introspect(credential.access_token)).toEqual({ active: false });

    const password = (JSON.parse(credential.access_token) as { password: string }).password;
    const seen = `${broker.log.join('')}${server.log}${broker.bytesAtRest().toString('latin1')}`;
    expect(seen).not.toContain(password);
    expect(broker.log.join('')).not.toContain(BROKER.password);
  });

  test('a pattern, and a resource that the task does not name, are refused alike, and nothing is left on record', async () => {
    await openTask('run-refused');
    for (const asked of [details('acc*'), details('letters')]) {
      const reply = await broker.exchange('agent-1', {
        task_id: 'run-refused',
        audience: 'app-db',
        authorization_details: asked,
      });
      expect([reply.status, reply.body.error]).toEqual([400, 'invalid_authorization_details']);
    }
    const { body } = await broker.get<{ leases: unknown[] }>('/v1/leases?task=run-refused', 'operator');
    expect(body.leases).toEqual([]);
  });

  test('a server that nobody vouches for gets no password, and the request is refused without a word of it', async () => {
    await openTask('run-stranger');
    const parameters = { task_id: 'run-stranger', audience: 'other-db' };
    const reply = await broker.exchange('agent-1', parameters);
    expect(reply.status).toBe(503);
    expect(reply.text).not.toMatch(/postgres|certificate|127\.0\.0\.1/);
    expect(broker.log.join('')).toMatch(/certificate|self.signed/);
    expect(broker.log.join('')).not.toContain(BROKER.password);
    await broker.complete('run-stranger');
  });

  test('what was made before a reload took the tool away is killed all the same', async () => {
    await openTask('run-reloaded');
    const parameters = {
      task_id: 'run-reloaded',
      audience: 'app-db',
      authorization_details: details('accounts'),
    };
    const credential = await broker.credential('agent-1', parameters);
    broker.configure({ tools: { crm: CRM, search: SEARCH } });
    expect(await broker.live.reload()).toMatchObject({ swapped: true });
    await broker.complete('run-reloaded');
    await until('the lease is revoked', async () => (await leaseOf(credential.lease_id)).state === 'revoked');
    await expect(clientFor(credential).connect()).rejects.toThrow('password authentication failed');
    broker.configure({ tools });
    expect(await broker.live.reload()).toMatchObject({ swapped: true });
  });
});
