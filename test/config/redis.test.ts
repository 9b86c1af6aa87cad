// From a Redis store in the file to what opens it: every form, what is read for it, and what is said about it.
import { inspect } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { cautionsAbout } from '../../src/config/cautions.js';
import { settingsFrom } from '../../src/config/load.js';
import type { StoreSettings } from '../../src/config/settings.js';
import { canonicalJson } from '../../src/domain/digest.js';
import { changed } from './fixture.js';
import { folderWith, ours } from './redis-fixture.js';

const folder = folderWith({
  'password.txt': 'hunter2\n',
  'windows.txt': ' hunter 2 \r\n',
  'ca.pem': `# two of them\n${ours.ca}\n${ours.certificate}`,
  'ours.pem': ours.certificate,
  'ours.key': ours.key,
});
const EMBEDDED = '{ kind: embedded, path: ./mayfly.db }';
const withStore = (members: string): string => changed(EMBEDDED, `{ ${members} }`);
const environment = { REDIS_PASSWORD: 'hunter2', SENTINEL_PASSWORD: 'hunter3\n' };
const settingsWith = (text: string) => settingsFrom(text, `${folder}/mayfly.yaml`, { environment });

async function redis(members: string): Promise<Extract<StoreSettings, { kind: 'redis' }>> {
  const { store } = await settingsWith(withStore(`kind: redis, ${members}`));
  if (store.kind !== 'redis') throw new Error(`the store is ${store.kind}`);
  return store;
}

describe('where it is', () => {
  test('is one server, with every default', async () => {
    expect(await redis('url: redis://127.0.0.1:6379/0')).toEqual({
      kind: 'redis',
      servers: { mode: 'standalone', host: '127.0.0.1', port: 6379, database: 0 },
      prefix: 'mayfly',
      minReplicas: 0,
      replicaTimeoutMs: 1000,
      commandTimeoutMs: 2000,
      dangerouslyWithoutAof: false,
      dangerouslyWithEviction: false,
    });
  });

  test.each([
    ['redis://redis', { host: 'redis', port: 6379, database: 0 }],
    ['redis://redis/', { host: 'redis', port: 6379, database: 0 }],
    ['redis://redis_1.example:7000/12', { host: 'redis_1.example', port: 7000, database: 12 }],
    ['redis://[::1]', { host: '::1', port: 6379, database: 0 }],
    ['redis://[fd00::1]:7000/1', { host: 'fd00::1', port: 7000, database: 1 }],
  ])('is one server: %s', async (url, server) => {
    const { servers, tls } = await redis(`url: "${url}"`);
    expect(servers).toEqual({ mode: 'standalone', ...server });
    expect(tls).toBeUndefined();
  });

  test('is a cluster, by some of its nodes', async () => {
    const { servers } = await redis('cluster: [redis-1.example:6379, "[::1]:7000"]');
    expect(servers).toEqual({
      mode: 'cluster',
      nodes: [
        { host: 'redis-1.example', port: 6379 },
        { host: '::1', port: 7000 },
      ],
    });
  });

  test('is what sentinels call their master, with credentials of their own', async () => {
    const store = await redis(
      'sentinels: [s1:26379, s2:26379], master: mymaster, sentinel_username: watcher, ' +
        'sentinel_password_env: SENTINEL_PASSWORD, username: mayfly, password_env: REDIS_PASSWORD',
    );
    expect(store).toMatchObject({ servers: { mode: 'sentinel', master: 'mymaster' }, username: 'mayfly' });
    if (store.servers.mode !== 'sentinel') throw new Error(store.servers.mode);
    expect(store.servers.sentinels).toEqual([
      { host: 's1', port: 26379 },
      { host: 's2', port: 26379 },
    ]);
    expect(store.servers.sentinelUsername).toBe('watcher');
    expect(store.servers.sentinelPassword?.reveal()).toBe('hunter3');
    expect(store.password?.reveal()).toBe('hunter2');
  });
});

test('everything that has a default can be said', async () => {
  const store = await redis(
    'url: redis://127.0.0.1, prefix: "blue:1", min_replicas: 2, replica_timeout: 300ms, command_timeout: 5s, ' +
      'dangerously_without_aof: true, dangerously_with_eviction: true',
  );
  expect(store).toMatchObject({
    prefix: 'blue:1',
    minReplicas: 2,
    replicaTimeoutMs: 300,
    commandTimeoutMs: 5000,
    dangerouslyWithoutAof: true,
    dangerouslyWithEviction: true,
  });
});

describe('a password', () => {
  test.each([
    ['password_file: password.txt', 'hunter2'],
    [`password_file: ${folder}/password.txt`, 'hunter2'],
    ['password_file: windows.txt', ' hunter 2 '],
    ['password_env: REDIS_PASSWORD', 'hunter2'],
  ])('is read without the line break at its end: %s', async (members, password) => {
    expect((await redis(`url: redis://127.0.0.1, ${members}`)).password?.reveal()).toBe(password);
  });

  test('and a key are shown by nothing that shows settings', async () => {
    const settings = await settingsWith(
      withStore(
        'kind: redis, sentinels: [s:1], master: m, password_env: REDIS_PASSWORD, ' +
          'sentinel_password_env: SENTINEL_PASSWORD, tls: { certificate_file: ours.pem, key_file: ours.key }',
      ),
    );
    const [, keyText = ''] = ours.key.split('\n');
    for (const shown of [
      JSON.stringify(settings),
      inspect(settings, { depth: 9 }),
      canonicalJson(settings.store),
    ]) {
      expect(shown).not.toMatch(/hunter/);
      expect(shown).not.toContain(keyText);
    }
  });
});

describe('TLS', () => {
  test.each(['url: rediss://redis.example', 'url: rediss://a, tls: true', 'cluster: [a:1], tls: {}'])(
    'is on, with the authorities that Node trusts: %s',
    async (members) => {
      expect((await redis(members)).tls).toEqual({});
    },
  );

  test('is off where it is said to be', async () => {
    expect((await redis('cluster: [a:1], tls: false')).tls).toBeUndefined();
  });

  test('has every certificate of its files, and what is around them in none', async () => {
    const { tls } = await redis(
      'cluster: [a:1], tls: { ca_file: ca.pem, certificate_file: ours.pem, key_file: ours.key, server_name: redis.example }',
    );
    expect(tls?.ca).toBe(ours.ca + ours.certificate);
    expect(tls?.certificate).toBe(ours.certificate);
    expect(tls?.key?.reveal()).toBe(ours.key);
    expect(tls?.serverName).toBe('redis.example');
  });
});

describe('how long records stay where nothing is said', () => {
  const DAY = 86_400_000;
  test.each([
    [EMBEDDED, { taskMs: 30 * DAY, leaseMs: DAY, auditMs: 90 * DAY }],
    ['{ kind: redis, url: redis://127.0.0.1 }', { taskMs: 30 * DAY, leaseMs: DAY / 24, auditMs: 7 * DAY }],
  ])('depends on what it costs there: %s', async (store, retention) => {
    expect((await settingsWith(changed(EMBEDDED, store))).retention).toEqual(retention);
  });

  test('is what the file says, whatever the store', async () => {
    const text = `lease_retention: 2d\naudit_retention: 1h\n${withStore('kind: redis, url: redis://127.0.0.1')}`;
    expect((await settingsWith(text)).retention).toMatchObject({ leaseMs: 2 * DAY, auditMs: DAY / 24 });
  });
});

test('who brings a store of their own needs neither the password nor the retention of the one in the file', async () => {
  const store = { kind: 'embedded', path: '/nowhere/dev.db' } as const;
  const text = withStore('kind: redis, url: redis://10.0.0.1, password_file: /nowhere/password');
  const settings = await settingsFrom(text, 'a.yaml', { instead: { store } });
  expect(settings.store).toBe(store);
  expect(settings.retention.leaseMs).toBe(86_400_000);
});

const plain = (host: string, what: string): string =>
  `store: ${what} cross the network to ${host} in plain text: TLS is rediss:// or tls`;
const open = (host: string): string =>
  `store: no password is given for ${host}: whoever reaches it may be able to revive what was killed`;

describe('what is allowed and yet not passed over in silence', () => {
  const FAILOVER = 'store: min_replicas is 0: a failover can lose a kill or a close that was acknowledged';
  const PASSWORD = 'password_env: REDIS_PASSWORD';

  test.each<[string, readonly string[]]>([
    ['url: redis://127.0.0.1', []],
    [`url: "redis://[::1]", ${PASSWORD}`, []],
    ['url: redis://localhost', []],
    [`url: rediss://redis, ${PASSWORD}`, []],
    [`url: redis://redis, ${PASSWORD}`, [plain('redis', 'the password and every record')]],
    ['url: redis://redis', [plain('redis', 'every record'), open('redis')]],
    ['url: rediss://redis', [open('redis')]],
    ['url: rediss://redis, tls: { certificate_file: ours.pem, key_file: ours.key }', []],
    [`cluster: [127.0.0.1:1, a:1], ${PASSWORD}`, [plain('a', 'the password and every record'), FAILOVER]],
    [`sentinels: [a:1], master: m, tls: true, ${PASSWORD}`, [FAILOVER]],
    [`sentinels: [a:1], master: m, tls: true, ${PASSWORD}, min_replicas: 1`, []],
    [
      'url: redis://127.0.0.1, dangerously_without_aof: true, dangerously_with_eviction: true',
      [
        'store: dangerously_without_aof: a crash of Redis can lose what was acknowledged',
        'store: dangerously_with_eviction: a full Redis may throw records away, kills among them',
      ],
    ],
  ])('%s', async (members, cautions) => {
    expect(cautionsAbout({ store: await redis(members) })).toEqual(cautions);
  });

  test('is nothing where the store is embedded', async () => {
    const { store } = await settingsFrom(changed('a', 'a'), 'a.yaml');
    expect(cautionsAbout({ store })).toEqual([]);
  });
});
