// What is promised of the embedded store alone: one process, every commit on disk, and clear words when that cannot be.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { EmbeddedDatabase } from '../../src/store/embedded/database.js';
import { openEmbeddedStore } from '../../src/store/embedded/embedded-store.js';
import { NO_CONTEXT } from '../../src/domain/tree-context.js';
import { SCHEMA_VERSION } from '../../src/store/embedded/schema.js';
import type { Store } from '../../src/store/store.js';
import {
  entry,
  externalRequest,
  granted,
  newTask,
  OPERATOR,
  PLENTY,
  tokenRequest,
} from '../contract/store/scene.js';
import { TERMS } from '../contract/store/harness.js';

let folder: string;
let path: string;
const closing: { close(): unknown }[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mayfly-embedded-'));
  path = join(folder, 'mayfly.db');
});
afterEach(async () => {
  for (const one of closing.splice(0)) await one.close();
  rmSync(folder, { recursive: true });
});

function open(file = path): Store {
  const store = openEmbeddedStore({ path: file, clock: { now: Date.now }, ...TERMS });
  closing.push(store);
  return store;
}

function openDatabase(): EmbeddedDatabase {
  const db = new EmbeddedDatabase(path);
  closing.push(db);
  return db;
}

/** As it was before version 6. */
function asVersion5(db: EmbeddedDatabase): void {
  db.sql('ALTER TABLE lease DROP COLUMN accepted_at').run();
  for (const table of ['denying_role', 'denied_session', 'seat']) db.sql(`DROP TABLE ${table}`).run();
}

/** As it was before version 4. */
function withoutStatusEntries(db: EmbeddedDatabase): void {
  asVersion5(db);
  db.sql('DROP INDEX lease_irrevocable').run();
  db.sql('DROP INDEX lease_by_status').run();
  db.sql('ALTER TABLE lease DROP COLUMN status_entry').run();
  db.sql('ALTER TABLE meta DROP COLUMN listed').run();
}

const child = fileURLToPath(new URL('./embedded-child.ts', import.meta.url));
const childArgs = (leases: number): string[] => ['--import', 'tsx', child, path, String(leases)];
const unavailable = { code: 'ERR_STORE_UNAVAILABLE' };
const leaseIds = async (store: Store): Promise<string[]> =>
  (await store.listLeases({ limit: PLENTY })).map(({ id }) => id);

describe('opening an embedded store', () => {
  it('writes ahead to a log that is on disk at every commit, under an exclusive lock', () => {
    const db = openDatabase();
    const pragma = (name: string): unknown => Object.values(db.sql(`PRAGMA ${name}`).get()!)[0];
    expect(pragma('journal_mode')).toBe('wal');
    expect(pragma('synchronous')).toBe(2);
    expect(pragma('locking_mode')).toBe('exclusive');
  });

  it('makes files that nobody else may read', async () => {
    await open().openTask(newTask('run-1'), entry());
    const others = [path, `${path}-wal`].map((file) => statSync(file).mode & 0o077);
    expect(others).toEqual([0, 0]);
  });

  it('is refused to a second process, in words that say why', () => {
    open();
    const { stdout } = spawnSync(process.execPath, childArgs(0), { encoding: 'utf8' });
    expect(stdout).toContain(
      `StoreUnavailable: ${path} is in use by another process: an embedded store belongs to one broker`,
    );
  });

  it('gives up its lock when it is closed', async () => {
    const store = open();
    await store.openTask(newTask('run-1'), entry());
    await store.close();
    expect((await open().readTask(newTask('run-1').id))?.state).toBe('open');
  });

  it('refuses a file that a newer Mayfly wrote, and leaves it as it is', () => {
    const db = openDatabase();
    db.sql('UPDATE meta SET schema_version = ?').run(SCHEMA_VERSION + 1);
    db.close();
    const newer = {
      ...unavailable,
      message: `${path} was written by a newer Mayfly (schema ${SCHEMA_VERSION + 1}, this one knows ${SCHEMA_VERSION})`,
    };
    expect(() => open()).toThrow(expect.objectContaining(newer));
    expect(() => open()).toThrow(expect.objectContaining(newer));
  });

  it('brings a file of version 5 up to date, and goes on with a kill that was under way', async () => {
    const before = open();
    granted(await before.openTask(newTask('run-1'), entry()));
    const { id } = granted(await before.reserveLease(externalRequest('run-1'), entry()));
    granted(await before.activateLease(id, {}, entry()));
    await before.closeTask(newTask('run-1').id, { outcome: 'completed', by: OPERATOR }, entry());
    await before.close();
    const old = openDatabase();
    asVersion5(old);
    old.sql('UPDATE meta SET schema_version = 5').run();
    old.close();
    const store = open();
    await store.sweep(PLENTY);
    const [due] = await store.claimDue(PLENTY, 1000);
    expect(due!.lease.id).toBe(id);
    await store.settle(id, due!.claim, { kind: 'accepted', retryAfterMs: 0 });
    expect((await store.readLease(id))?.acceptedAt).toBeDefined();
  });

  it('brings a file of version 5 up to date, and keeps denials in it from then on', async () => {
    const before = open();
    granted(await before.openTask(newTask('run-1'), entry()));
    const lease = granted(await before.issueLease(tokenRequest('run-1'), entry()));
    await before.close();
    const old = openDatabase();
    asVersion5(old);
    old.sql('UPDATE meta SET schema_version = 5').run();
    old.close();
    const brought = open();
    expect(await brought.readLease(lease.id)).toEqual(lease);
    const until = Date.now() + 60_000;
    expect(await brought.denials.seat({ session: 's1', until }, ['reader'], 1)).toBe('reader');
    await brought.denials.add('reader', { session: 's1', mintedBy: 1, until });
    await brought.close();
    const store = open();
    expect(await store.denials.seatOf('s1')).toBe('reader');
    const claim = await store.denials.claim('reader', 1000, 0);
    expect(await store.denials.read(claim!)).toEqual({ denied: [{ session: 's1', mintedBy: 1, until }] });
  });

  it('gives up the claim of whoever had the file before: a kill need not wait for a broker that is gone', async () => {
    const before = open();
    const claim = await before.denials.claim('reader', 60_000, 0);
    await before.close();
    const store = open();
    expect(await store.denials.claim('reader', 60_000, 0)).toEqual({
      role: 'reader',
      fence: claim!.fence + 1,
    });
  });

  it('brings a file of version 3 up to date, and reads what is in it', async () => {
    const before = open();
    granted(await before.openTask(newTask('run-1'), entry()));
    const lease = granted(await before.issueLease(tokenRequest('run-1'), entry()));
    await before.close();
    const old = openDatabase();
    withoutStatusEntries(old);
    old.sql('UPDATE meta SET schema_version = 3').run();
    old.close();
    const store = open();
    expect(await store.readLease(lease.id)).toEqual(lease);
    const listed = granted(await store.issueLease(tokenRequest('run-1', { listed: true }), entry()));
    expect(await store.statusList(listed.status!.list)).toEqual({ given: 1, live: [0] });
  });

  it('never goes on with a status list of before it was opened: a restored backup has forgotten some of it', async () => {
    const lists: string[] = [];
    for (let times = 0; times < 2; times++) {
      const store = open();
      await store.openTask(newTask('run-1'), entry());
      lists.push(
        granted(await store.issueLease(tokenRequest('run-1', { listed: true }), entry())).status!.list,
      );
      await store.close();
    }
    expect(new Set(lists).size).toBe(2);
  });

  it('brings a file of version 2 up to date, and reads what is in it', async () => {
    const before = open();
    granted(await before.openTask(newTask('run-1'), entry()));
    const lease = granted(await before.issueLease(tokenRequest('run-1'), entry()));
    await before.close();
    const old = openDatabase();
    withoutStatusEntries(old);
    for (const table of ['tree_context', 'principal_facts']) old.sql(`DROP TABLE ${table}`).run();
    old.sql('UPDATE meta SET schema_version = 2').run();
    old.close();
    const store = open();
    expect(await store.readLease(lease.id)).toEqual(lease);
    expect(await store.readContext(newTask('run-1').id)).toEqual(NO_CONTEXT);
    const decidedOn = { version: 0, holding: 'data:internal:crm', principal: '{}' } as const;
    const asked = tokenRequest('run-1', { basis: { principal: 'digest' }, decidedOn });
    granted(await store.issueLease(asked, entry()));
    expect(await store.readContext(newTask('run-1').id)).toMatchObject({ version: 1 });
    expect(await store.principalFacts(newTask('run-1').id, 'digest')).toBe('{}');
  });

  it('brings a file of version 1 up to date, and reads what is in it', async () => {
    const before = open();
    granted(await before.openTask(newTask('run-1'), entry()));
    const lease = granted(await before.issueLease(tokenRequest('run-1'), entry()));
    await before.close();
    const old = openDatabase();
    withoutStatusEntries(old);
    for (const table of ['instance_binding', 'tree_context', 'principal_facts'])
      old.sql(`DROP TABLE ${table}`).run();
    for (const index of ['task_open', 'task_open_of', 'lease_by_task', 'lease_by_agent'])
      old.sql(`DROP INDEX ${index}`).run();
    old.sql('CREATE INDEX lease_by_task ON lease (task_id)').run();
    old.sql('CREATE INDEX lease_by_agent ON lease (agent)').run();
    old.sql('UPDATE meta SET schema_version = 1').run();
    old.close();
    const store = open();
    expect(await store.readLease(lease.id)).toEqual(lease);
    const ask = (instance: string) =>
      store.issueLease(tokenRequest('run-1', { instance, bindsInstance: 'of_agent' }), entry());
    granted(await ask('pod:1'));
    expect(await ask('pod:2')).toMatchObject({ reason: 'instance_mismatch' });
    await store.close();
    const db = openDatabase();
    expect(db.sql('SELECT schema_version AS version FROM meta').get()).toMatchObject({
      version: SCHEMA_VERSION,
    });
  });

  it('refuses a file that is no database, in words that say so', () => {
    writeFileSync(path, 'hello '.repeat(1000));
    expect(() => open()).toThrow(
      expect.objectContaining({
        ...unavailable,
        message: expect.stringMatching(/cannot be opened: .*not a database/),
      }),
    );
  });

  it('refuses a folder that cannot be made', () => {
    writeFileSync(join(folder, 'file'), '');
    expect(() => open(join(folder, 'file', 'mayfly.db'))).toThrow(expect.objectContaining(unavailable));
  });
});

describe('committing', () => {
  it('puts the transitions that wait into one commit, up to a bound', async () => {
    const db = openDatabase();
    let commits = 0;
    db.beforeCommit = () => commits++;
    await Promise.all(Array.from({ length: 256 }, (_, n) => db.transact(() => n)));
    expect(commits).toBe(1);
    await Promise.all(Array.from({ length: 257 }, (_, n) => db.transact(() => n)));
    expect(commits).toBe(3);
  });

  it('puts a kill and a close before whatever else is waiting (invariant 7)', async () => {
    const store = open();
    for (const id of ['run-1', 'run-2']) await store.openTask(newTask(id), entry());
    const waiting = ['run-1', 'run-2'].map((id) => store.issueLease(tokenRequest(id), entry()));
    const close = store.closeTask(newTask('run-1').id, { outcome: 'completed', by: 'mayfly' }, entry());
    const kill = store.revoke({ select: { kind: 'task', name: 'run-2' }, by: 'mayfly' }, entry());
    await Promise.all([close, kill]);
    expect(await Promise.all(waiting)).toMatchObject([{ reason: 'task_closed' }, { reason: 'task_closed' }]);
  });

  it('makes no commit for what nobody waits for alone, and shows it to whoever looks', async () => {
    const store = open();
    const passing = entry();
    let concluded = false;
    const recorded = store.recordInPassing(passing, { outcome: 'permitted' }).then(() => (concluded = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(concluded).toBe(false);
    const { requestId: request } = passing;
    expect(await store.auditEvents({ request, limit: 9 })).toMatchObject([{ outcome: 'permitted' }]);
    await recorded;
    const beforeClosing = entry();
    const last = store.recordInPassing(beforeClosing, { outcome: 'permitted' });
    await store.close();
    await last;
    expect(await open().auditEvents({ request: beforeClosing.requestId, limit: 9 })).toHaveLength(1);
  });

  it('keeps a faulty transition from its neighbours: they are done, once, and it is not', async () => {
    const db = openDatabase();
    const write = (key: string) =>
      db.transact(() => db.sql('INSERT INTO once VALUES (?, 1)').run(key).changes);
    const faulty = db.transact(() => {
      db.sql("INSERT INTO once VALUES ('half', 1)").run();
      throw new Error('a fault');
    });
    const outcomes = await Promise.allSettled([write('a'), write('b'), faulty, write('a'), write('c')]);
    expect(outcomes.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
      'rejected',
      'fulfilled',
    ]);
    expect(outcomes[2]).toMatchObject({ reason: { message: 'a fault' } });
    expect(outcomes[3]).toMatchObject({ reason: unavailable });
    const keys = db.sql('SELECT key FROM once').all();
    expect(keys.map(({ key }) => key)).toEqual(['a', 'b', 'c']);
  });

  it('keeps the log from growing without end, and gives its place back when it is closed', async () => {
    const store = open();
    await store.openTask(newTask('run-1'), entry());
    const issue = () => store.issueLease(tokenRequest('run-1'), entry());
    const sizes: number[] = [];
    for (let round = 0; round < 6; round++) {
      for (let n = 0; n < 10; n++) await Promise.all(Array.from({ length: 100 }, issue));
      sizes.push(statSync(`${path}-wal`).size);
    }
    expect(Math.max(...sizes.slice(3))).toBeLessThan(2 * sizes[0]!);
    await store.close();
    expect(() => statSync(`${path}-wal`)).toThrow(/ENOENT/);
    expect(await leaseIds(open())).toHaveLength(6000);
  });
});

describe('when the machine fails', () => {
  it('has everything that was acknowledged after a kill -9 in the middle of it', async () => {
    const process_ = spawn(process.execPath, childArgs(100_000), { stdio: ['ignore', 'pipe', 'inherit'] });
    const acknowledged: string[] = [];
    for await (const line of createInterface({ input: process_.stdout })) {
      acknowledged.push(line);
      if (acknowledged.length === 200) process_.kill('SIGKILL');
    }
    if (process_.exitCode === null && process_.signalCode === null) await once(process_, 'close');
    const store = open();
    const ids = await leaseIds(store);
    expect(ids).toEqual(expect.arrayContaining(acknowledged));
    expect(ids.length).toBeLessThanOrEqual(acknowledged.length + 1);
    const events = await store.auditEvents({ limit: PLENTY });
    expect(events.flatMap(({ leaseId }) => leaseId ?? []).toSorted()).toEqual(ids.toSorted());
  }, 60_000);

  const itOnTmpfs = process.getuid?.() === 0 ? it : it.skip; // only root can mount one
  const itInjected = spawnSync('strace', ['-V']).status === 0 ? it : it.skip;

  itOnTmpfs(
    'says so when the disk is full, loses nothing that was acknowledged, and goes on when there is room',
    async () => {
      const disk = join(folder, 'disk');
      mkdirSync(disk);
      const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=600k', 'tmpfs', disk], {
        encoding: 'utf8',
      });
      expect(mounted.stderr).toBe('');
      try {
        path = join(disk, 'mayfly.db');
        const store = open();
        granted(await store.openTask(newTask('run-1'), entry()));
        const acknowledged: string[] = [];
        const issue = async (): Promise<void> => {
          const lease = granted(await store.issueLease(tokenRequest('run-1'), entry()));
          acknowledged.push(lease.id);
        };
        const fill = async (): Promise<void> => {
          for (;;) await Promise.all([issue(), issue(), issue()]);
        };
        await expect(fill()).rejects.toMatchObject({
          ...unavailable,
          message: expect.stringMatching(/full/),
        });
        expect(acknowledged.length).toBeGreaterThan(10);
        expect((await leaseIds(store)).toSorted()).toEqual(acknowledged.toSorted());

        execFileSync('mount', ['-o', 'remount,size=8m', disk]);
        expect(await store.ailment()).toBeUndefined();
        await issue();
        await store.close();
        const again = open();
        expect((await leaseIds(again)).toSorted()).toEqual(acknowledged.toSorted());
        await again.close();
      } finally {
        execFileSync('umount', ['--lazy', disk]);
      }
    },
  );

  itInjected(
    'is done for good when an fsync fails: what the disk then holds, nobody knows',
    async () => {
      const inject = ['-f', '-qq', '-o', '/dev/null', '-e', 'trace=fsync,fdatasync'];
      const failing = [...inject, '-e', 'inject=fsync,fdatasync:error=EIO:when=20'];
      const { stdout } = spawnSync('strace', [...failing, process.execPath, ...childArgs(100)], {
        encoding: 'utf8',
      });
      const lines = stdout.trim().split('\n');
      const acknowledged = lines.filter((line) => line.startsWith('lease_'));
      expect(acknowledged.length).toBeGreaterThan(5);
      expect(lines.slice(acknowledged.length)).toEqual([
        expect.stringMatching(/^failed: StoreUnavailable: the store could not be used: .*disk I\/O error/),
        expect.stringMatching(/^ailment: a commit failed \(.*\): look at the disk, then restart$/),
        'read: StoreUnavailable',
      ]);
      expect(await leaseIds(open())).toEqual(expect.arrayContaining(acknowledged));
    },
    60_000,
  );

  itInjected(
    'notices a failed fsync of a checkpoint as well, which SQLite would keep to itself',
    () => {
      const inject = ['-f', '-qq', '-y', '-o', '/dev/null', '-e', 'trace=fsync,fdatasync'];
      // The first fsync of the database itself belongs to the opening; the others are checkpoints.
      const failing = [...inject, '-P', path, '-e', 'inject=fsync,fdatasync:error=EIO:when=2'];
      const { stdout } = spawnSync('strace', [...failing, process.execPath, ...childArgs(2_500)], {
        encoding: 'utf8',
      });
      expect(stdout.split('\n').find((line) => !line.startsWith('lease_'))).toMatch(
        /^failed: StoreUnavailable: a checkpoint failed \(.*\): look at the disk, then restart$/,
      );
    },
    60_000,
  );
});
