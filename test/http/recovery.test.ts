// An operator who restored a backup: on a broker whose database really is an older copy of what was there.
import { copyFileSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { RecoveryPreview, RecoveryView } from '../../src/wire/recovery.js';
import { TestBroker } from '../fixtures/broker.js';
import type { Credential } from '../fixtures/broker-client.js';

/** The same on each port that it starts on. */
const terms = { issuer: 'http://127.0.0.1:8420' };

describe('a restored backup', () => {
  let broker: TestBroker;
  /** Released, and of a completed task, and of a quarantined agent: all after the backup was taken. */
  const issued: Record<string, Credential> = {};
  /** Issued after the backup was taken. */
  let unknown: Credential;
  const alive = async ({ access_token: token }: Credential): Promise<boolean> =>
    (await broker.introspect(token)).active;
  const database = (name = 'mayfly.db') => join(broker.folder, name);

  beforeAll(async () => {
    broker = await TestBroker.start({ terms });
    for (const id of ['released', 'completed', 'completed.part', 'quarantined']) {
      const [root, part] = id.split('.');
      await broker.openTask({ id, ...(part !== undefined && { parent: root }) });
      issued[id] = await broker.credential('agent-1', { task_id: id, audience: 'crm' });
    }
    await broker.halt();
    copyFileSync(database(), database('backup.db'));
    broker = await broker.restart({ terms });
    unknown = await broker.credential('agent-1', { task_id: 'released', audience: 'crm' });
    await broker.release(issued['released']!.lease_id, 'agent-1');
    await broker.complete('completed');
    await broker.kill({ agent: 'cluster/agent-1' }, { quarantine: true });
    await broker.halt();
    for (const left of ['mayfly.db-wal', 'mayfly.db-shm'])
      if (existsSync(database(left))) rmSync(database(left));
    copyFileSync(database('backup.db'), database());
    broker = await broker.restart({ terms });
  });
  afterAll(() => broker.stop());

  test('revives what was killed since, which is why there is a recovery', async () => {
    for (const credential of Object.values(issued)) expect(await alive(credential)).toBe(true);
    expect(await alive(unknown)).toBe(false);
    const { body } = await broker.get<{ quarantines: unknown[] }>('/v1/quarantines', 'operator');
    expect(body.quarantines).toEqual([]);
  });

  test('a preview says what a recovery would end, and ends nothing', async () => {
    const asked = { reason: 'restored' };
    const preview = (body: object) =>
      broker.post<RecoveryPreview>('/v1/recovery?preview=true', 'operator', body);
    const { status, body, headers } = await preview(asked);
    expect([status, body]).toEqual([200, { preview: true, dead: 4, settling: 0, tasks: 3 }]);
    expect((await preview({ ...asked, keep_tasks: true })).body).toEqual({
      preview: true,
      dead: 4,
      settling: 0,
    });
    expect(await broker.auditOf({ headers })).toMatchObject([{ action: 'revocation.preview' }]);
    for (const credential of Object.values(issued)) expect(await alive(credential)).toBe(true);
  });

  test('a recovery ends all of it, says what it did and what is in force, and is on record', async () => {
    const reply = await broker.post<RecoveryView>('/v1/recovery', 'operator', { reason: 'restored' });
    expect([reply.status, reply.body]).toEqual([
      200,
      {
        preview: false,
        cutoff: expect.stringMatching(/^\d{4}-.*Z$/),
        reason: 'restored',
        dead: 4,
        settling: 0,
        tasks_closed: 3,
        done: true,
        quarantines: [],
        signing_keys: [
          { kid: expect.any(String), created_at: expect.any(String), signs_from: expect.any(String) },
        ],
      },
    ]);
    for (const credential of Object.values(issued)) expect(await alive(credential)).toBe(false);
    const closed = await broker.get('/v1/tasks/completed.part', 'planner');
    expect(closed.body).toMatchObject({ state: 'settled', outcome: 'revoked' });
    expect((await broker.auditOf(reply)).map(({ action, outcome }) => [action, outcome])).toEqual([
      ['store.recover', 'permitted'],
      ['revocation.create', 'permitted'],
    ]);

    await broker.openTask({ id: 'afterwards' });
    expect(await alive(await broker.credential('agent-1', { task_id: 'afterwards', audience: 'crm' }))).toBe(
      true,
    );
  });

  test('going on from its cut-off ends nothing that came later', async () => {
    await broker.openTask({ id: 'before' });
    const { body } = await broker.post<RecoveryView>('/v1/recovery', 'operator', {
      reason: 'restored',
      keep_tasks: true,
    });
    expect(body).toMatchObject({ tasks_closed: 0, done: true });
    await broker.openTask({ id: 'after' });
    const later = await broker.credential('agent-1', { task_id: 'after', audience: 'crm' });
    const next = await broker.post<RecoveryView>('/v1/recovery', 'operator', {
      reason: 'restored',
      cutoff: body.cutoff,
    });
    expect(next.body).toMatchObject({ cutoff: body.cutoff, done: true });
    expect(next.body).not.toHaveProperty('dead');
    expect((await broker.get('/v1/tasks/before', 'planner')).body).toMatchObject({ outcome: 'revoked' });
    expect((await broker.get('/v1/tasks/after', 'planner')).body).toMatchObject({ state: 'open' });
    expect(await alive(later)).toBe(true);
  });

  test.each([
    ['a cut-off that is still to come', { cutoff: '2999-01-01T00:00:00Z' }, 'cutoff'],
    ['a cut-off with tasks to be kept', { cutoff: '2026-01-01T00:00:00Z', keep_tasks: true }, 'cutoff'],
    ['no reason', { reason: '' }, 'reason'],
  ])('%s is refused, and why is said', async (_what, body, at) => {
    const reply = await broker.post('/v1/recovery', 'operator', { reason: 'restored', ...body });
    expect([reply.status, reply.body['flaws']]).toEqual([400, [expect.objectContaining({ at })]]);
  });
});
