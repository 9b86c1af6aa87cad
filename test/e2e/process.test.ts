// The broker as a process: how it ends, what it says while its disk is full, and how it takes a new configuration.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BrokerProcess } from '../fixtures/broker-process.js';
import { CRM, SEARCH } from '../fixtures/broker-configuration.js';
import { Workloads } from '../fixtures/broker-workloads.js';
import { until } from '../fixtures/until.js';

const started: BrokerProcess[] = [];
afterEach(async () => {
  for (const broker of started.splice(0)) await broker.remove();
});
async function start(terms: object = {}, folder?: string): Promise<BrokerProcess> {
  const broker = await BrokerProcess.prepare({ ...terms }, folder);
  started.push(broker);
  await broker.start();
  return broker;
}

test.each(['SIGTERM', 'SIGINT'] as const)(
  '%s ends it with exit code 0, and what it knew is there again',
  async (signal) => {
    const broker = await start();
    await broker.openTask({ id: 'run-1' });
    const { access_token: token } = await broker.credential('agent-1', { task_id: 'run-1', audience: 'crm' });
    expect(await broker.end(signal)).toEqual({ code: 0, signal: null });
    await broker.start();
    expect((await broker.introspect(token)).active).toBe(true);
  },
);

test('one database belongs to one broker', async () => {
  const broker = await start();
  const other = await BrokerProcess.prepare({
    store: { kind: 'embedded', path: join(broker.folder, 'mayfly.db') },
  });
  started.push(other);
  await expect(other.start()).rejects.toThrow('is in use by another process');
  expect(await broker.isReady()).toBe(true);
});

test('a log that cannot be written to takes nothing down with it', async () => {
  // Every write to this device fails, as on a full disk.
  const broker = await BrokerProcess.prepare({ log_level: 'trace' }, undefined, '/dev/full');
  started.push(broker);
  await broker.start();
  expect((await broker.openTask()).status).toBe(201);
  expect(await broker.end('SIGTERM')).toEqual({ code: 0, signal: null });
});

describe('SIGHUP', () => {
  test('swaps trust and tools as a whole, or keeps the old ones and says why', async () => {
    const broker = await start();
    const tools = async (): Promise<string[]> =>
      (await broker.get<{ tools: { name: string }[] }>('/v1/tools', 'agent-1')).body.tools.map(
        ({ name }) => name,
      );
    expect(await tools()).toEqual(['crm', 'search']);

    broker.configure({
      tools: { crm: CRM, search: SEARCH, ledger: { ...SEARCH, audience: 'https://ledger.example' } },
    });
    broker.signal('SIGHUP');
    await until('the catalogue is the new one', async () => (await tools()).includes('ledger'));
    expect(await tools()).toEqual(['crm', 'search', 'ledger']);

    broker.configure({ tools: { crm: { ...CRM, plane: 'nowhere' } }, trust: [] });
    broker.signal('SIGHUP');
    await until('it says why not', () => broker.log.includes('the old one stays in force'));
    expect(await tools()).toEqual(['crm', 'search', 'ledger']);
    expect(broker.log).toMatch(/tools\.crm\.plane/);

    broker.configure({ trust: [{ ...Workloads.trust('./workloads.jwks.json'), audience: 'others' }] });
    broker.signal('SIGHUP');
    await until(
      'tokens for us are no longer accepted',
      async () => (await broker.get('/v1/tools', 'nobody')).status === 401,
    );
  });
});

/** Some memory as a disk that a test may fill up; needs root, as CI has. */
const mount = (folder: string): boolean =>
  spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', folder]).status === 0;
const unmount = (folder: string): boolean => spawnSync('umount', ['--lazy', folder]).status === 0;

function canMount(): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'mayfly-disk-'));
  const could = mount(folder) && unmount(folder);
  rmSync(folder, { recursive: true });
  return could;
}

(canMount() ? describe : describe.skip)('a full disk', () => {
  let disk: string;
  beforeEach(() => {
    disk = mkdtempSync(join(tmpdir(), 'mayfly-disk-'));
    mount(disk);
  });
  afterEach(() => {
    unmount(disk);
    rmSync(disk, { recursive: true });
  });

  test('is told by readyz; nothing is handed out without its record, and all is well when there is room again (invariant 7)', async () => {
    const home = join(disk, 'broker');
    mkdirSync(home);
    const broker = await start({}, home);
    await broker.openTask({ id: 'run-1' });
    await broker.openTask({ id: 'run-2' });
    const asked = { task_id: 'run-1', audience: 'crm' };
    const before = await broker.credential('agent-1', asked);

    const ballast = join(disk, 'ballast');
    fill(ballast);
    // What is left of the last page may take a few commits more.
    const refused = await until('there is no room for another record', async () => {
      const reply = await broker.exchange('agent-1', asked);
      return reply.status === 200 ? undefined : reply;
    });
    expect([refused.status, refused.body.error]).toEqual([503, 'temporarily_unavailable']);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(refused.text).not.toContain('access_token');
    // A look at the store is good for all who ask within a tenth of a second.
    const ready = await until('readiness tells it', async () => {
      const reply = await broker.call('GET', '/readyz');
      return reply.status === 200 ? undefined : reply;
    });
    expect([ready.status, ready.body['status']]).toEqual([503, 'not ready']);
    expect((await broker.call('GET', '/healthz')).status).toBe(200);
    // A close that cannot be made durable is not acknowledged either.
    expect((await broker.complete('run-1')).status).toBe(503);
    expect((await broker.kill({ task: 'run-2' })).status).toBe(503);
    expect((await broker.renew(before.lease_id, 'agent-1')).status).toBe(503);

    truncateSync(ballast, 0);
    await until('it is ready again', () => broker.isReady());
    expect((await broker.exchange('agent-1', asked)).status).toBe(200);
    expect((await broker.complete('run-1')).status).toBe(200);
    expect((await broker.introspect(before.access_token)).active).toBe(false);
    expect(await broker.end('SIGTERM')).toEqual({ code: 0, signal: null });
  });
});

/** Writes until there is no room for another byte. */
function fill(file: string): void {
  for (let bytes = 1024 * 1024; bytes >= 1; bytes = Math.floor(bytes / 2)) {
    try {
      for (;;) writeFileSync(file, Buffer.alloc(bytes), { flag: 'a' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
  }
  if (statSync(file).size === 0) throw new Error('nothing could be filled');
}
