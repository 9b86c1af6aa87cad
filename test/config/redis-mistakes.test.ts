// What can be wrong with a Redis store: each mistake at its own place, in words, and never with a secret in it.
import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { changed, mistakesOf } from './fixture.js';
import { folderWith, ours, stranger } from './redis-fixture.js';

const folder = folderWith({
  'password.txt': 'hunter2\n',
  'empty.txt': '\n',
  'users.txt': 'one hunter2\ntwo hunter2\n',
  'ca.pem': ours.ca,
  'broken.pem': ours.ca.replace(/\n.{20}/, '\nAAAAAAAAAAAAAAAAAAAA'),
  'ours.pem': ours.certificate,
  'ours.key': ours.key,
  'stranger.key': stranger.key,
  'sealed.key': generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'hunter2' },
  }).privateKey,
});

const withStore = (members: string): string =>
  changed('{ kind: embedded, path: ./mayfly.db }', `{ ${members} }`).replaceAll('F/', `${folder}/`);
const environment = { REDIS_PASSWORD: 'hunter2', NOTHING: '' };
const mistakesIn = (members: string) => mistakesOf(withStore(members), { environment });

const AT = 'url: redis://a';
const URL_WANTED = 'must be a URL such as redis://127.0.0.1:6379/0, or rediss://redis.example:6379/0 for TLS';
const NO_PASSWORD =
  'must not hold a password: name a file under password_file, or a variable under password_env';
const KNOWN =
  'kind, url, cluster, sentinels, master, prefix, username, password_file, password_env, sentinel_username, ' +
  'sentinel_password_file, sentinel_password_env, tls, min_replicas, replica_timeout, command_timeout, ' +
  'dangerously_without_aof, dangerously_with_eviction';

/** What stands in `store: { … }`, and every mistake that is reported. All of it is on line 3. */
const MISTAKES: readonly (readonly [string, ...string[]])[] = [
  // Where it is.
  ['kind: redis', '8 store: must say where Redis is: url, cluster or sentinels'],
  [
    `kind: redis, ${AT}, cluster: ["a:1"], sentinels: ["a:1"], master: m`,
    '48 store.cluster: cannot be given together with url: keep one',
    '68 store.sentinels: cannot be given together with url: keep one',
  ],
  [
    'kind: redis, url: 7, cluster: ["a:1"]',
    '28 store.url: must be a text, not a number',
    '40 store.cluster: cannot be given together with url: keep one',
  ],
  ...[
    'localhost',
    'http://localhost',
    'redis:',
    'redis://',
    'redis:///0',
    'redis://:6379',
    'redis://::1:6379',
  ].map((url) => [`kind: redis, url: "${url}"`, `28 store.url: ${URL_WANTED}`] as const),
  ...[
    'redis://a:0',
    'redis://a:65536',
    'redis://a:1/x',
    'redis://a:1/0/1',
    'redis://[::g]',
    'redis://a b',
  ].map((url) => [`kind: redis, url: "${url}"`, `28 store.url: ${URL_WANTED}`] as const),
  ['kind: redis, url: "redis://:hunter2@a"', `28 store.url: ${NO_PASSWORD}`],
  ['kind: redis, url: "rediss://me:hunter2@a:6379/0"', `28 store.url: ${NO_PASSWORD}`],
  ['kind: redis, url: "redis://me:hun/ter2@a"', `28 store.url: ${NO_PASSWORD}`],
  [
    'kind: redis, url: "redis://hunter2@a"',
    '28 store.url: must not hold a user name: write it under username',
  ],
  ['kind: redis, url: "redis://a:1/0?password=hunter2"', '28 store.url: must not have a query or a fragment'],
  ['kind: redis, cluster: []', '32 store.cluster: must not be empty'],
  ['kind: redis, cluster: a:1', '32 store.cluster: must be a list, not a text'],
  [
    'kind: redis, cluster: [a, "redis://a:1", "hunter2@a:1", "hunter2@a:1"]',
    '33 store.cluster[0]: must be host:port, such as redis-1.example:6379',
    '36 store.cluster[1]: must be host:port, such as redis-1.example:6379',
    '51 store.cluster[2]: must be host:port, such as redis-1.example:6379',
    '66 store.cluster[3]: must be host:port, such as redis-1.example:6379',
    '66 store.cluster[3]: is listed twice',
  ],
  ['kind: redis, cluster: ["a:0"]', '33 store.cluster[0]: must have a port from 1 to 65535'],
  [
    'kind: redis, sentinels: ["::1:1", "a:1", "a:1"], master: m',
    '35 store.sentinels[0]: must be host:port, such as sentinel-1.example:26379',
    '51 store.sentinels[2]: is listed twice',
  ],
  [
    'kind: redis, sentinels: ["a:1"]',
    '1 store.master: is missing: what the sentinels call the master, such as mymaster',
  ],
  [
    `kind: redis, ${AT}, master: m, sentinel_username: u, sentinel_password_env: REDIS_PASSWORD`,
    '47 store.master: goes with sentinels',
    '69 store.sentinel_username: goes with sentinels',
    '95 store.sentinel_password_env: goes with sentinels',
  ],
  // What belongs to another kind.
  [
    'kind: embedded, path: a.db, url: redis://a, min_replicas: 1',
    '43 store.url: goes with kind: redis',
    '68 store.min_replicas: goes with kind: redis',
  ],
  [
    'kind: redis, path: a.db',
    '8 store: must say where Redis is: url, cluster or sentinels',
    '29 store.path: goes with kind: embedded',
  ],
  [
    'kind: embedded, path: a.db, password: hunter2',
    '38 store.password: is not known: known here are kind, path',
  ],
  // Keys.
  [`kind: redis, ${AT}, host: a`, `39 store.host: is not known: known here are ${KNOWN}`],
  [`kind: redis, ${AT}, min_replica: 1`, '39 store.min_replica: is not known: did you mean min_replicas?'],
  ['url: redis://a', '1 store.kind: is missing: where state is kept: embedded or redis'],
  [
    'kind: reddis, url: hunter2, cluster: [7], pth: x, tls: { ca: x }',
    '16 store.kind: must be one of embedded, redis: did you mean redis?',
    `29 store.url: ${URL_WANTED}`,
    '48 store.cluster[0]: must be a text, not a number',
    '52 store.pth: is not known: did you mean path?',
    '67 store.tls.ca: is not known: known here are ca_file, certificate_file, key_file, server_name',
  ],
  // Secrets.
  [
    `kind: redis, ${AT}, password: hunter2`,
    '49 store.password: does not belong in this file: name a file under password_file, or a variable under password_env',
  ],
  [
    'kind: redis, sentinels: ["a:1"], master: m, sentinel_password: hunter2',
    '73 store.sentinel_password: does not belong in this file: name a file under sentinel_password_file, or a variable under sentinel_password_env',
  ],
  [
    `kind: redis, ${AT}, password_file: F/password.txt, password_env: REDIS_PASSWORD`,
    ' store.password_env: cannot be given together with password_file: keep one',
  ],
  [`kind: redis, ${AT}, password_file: ./hunter2`, '54 store.password_file: cannot be read (ENOENT)'],
  [`kind: redis, ${AT}, password_file: F/empty.txt`, '54 store.password_file: is empty'],
  [
    `kind: redis, ${AT}, password_file: F/users.txt`,
    '54 store.password_file: has more than one line: it must hold the password and nothing else',
  ],
  [`kind: redis, ${AT}, password_env: hunter2`, '53 store.password_env: names a variable that is not set'],
  [`kind: redis, ${AT}, password_env: NOTHING`, '53 store.password_env: names a variable that is not set'],
  [
    `kind: redis, ${AT}, password_env: "hunter2!"`,
    '53 store.password_env: must be the name of an environment variable',
  ],
  [
    `kind: redis, ${AT}, username: me`,
    '49 store.username: needs a password: name it under password_file or password_env',
  ],
  [
    'kind: redis, sentinels: ["a:1"], master: m, sentinel_username: me, password_env: REDIS_PASSWORD',
    '73 store.sentinel_username: needs a password: name it under sentinel_password_file or sentinel_password_env',
  ],
  // TLS.
  [
    `kind: redis, ${AT}, tls: yes`,
    '44 store.tls: must be true, or a mapping such as { ca_file: ./redis-ca.pem }',
  ],
  [
    `kind: redis, ${AT}, tls: { ca_file: F/ca.pem }`,
    '44 store.tls: contradicts url, which begins with redis://: write rediss:// there, or take this out',
  ],
  [
    'kind: redis, url: rediss://a, tls: false',
    '45 store.tls: contradicts url, which begins with rediss://: write redis:// there, or take this out',
  ],
  ['kind: redis, url: rediss://a, tls: { ca_file: F/none }', '56 store.tls.ca_file: cannot be read (ENOENT)'],
  [
    'kind: redis, url: rediss://a, tls: { ca_file: F/ours.key }',
    '56 store.tls.ca_file: holds no certificate in PEM',
  ],
  [
    'kind: redis, url: rediss://a, tls: { ca_file: F/broken.pem }',
    '56 store.tls.ca_file: holds a certificate that cannot be read',
  ],
  [
    'kind: redis, url: rediss://a, tls: { certificate_file: F/ours.pem }',
    '65 store.tls.certificate_file: needs key_file beside it',
  ],
  [
    'kind: redis, url: rediss://a, tls: { key_file: F/ours.key }',
    '57 store.tls.key_file: needs certificate_file beside it',
  ],
  [
    'kind: redis, url: rediss://a, tls: { key_file: F/stranger.key, certificate_file: F/ours.pem }',
    '57 store.tls.key_file: is not the key of the certificate in certificate_file',
  ],
  [
    'kind: redis, url: rediss://a, tls: { key_file: F/sealed.key, certificate_file: F/ours.pem }',
    '57 store.tls.key_file: is no private key in PEM, or is encrypted',
  ],
  [
    'kind: redis, url: rediss://a, tls: { server_name: 10.0.0.1 }',
    '60 store.tls.server_name: must be a host name, not an address',
  ],
  [
    'kind: redis, url: rediss://a, tls: { server_name: "a b" }',
    '60 store.tls.server_name: must be a host name such as redis.example',
  ],
  // Numbers and names.
  [
    `kind: redis, ${AT}, prefix: "a{b}"`,
    '47 store.prefix: must be 1 to 64 letters, digits, dots, colons, - and _',
  ],
  ...['-1', '6', '1.5', 'one'].map(
    (count) =>
      [
        `kind: redis, ${AT}, min_replicas: ${count}`,
        '53 store.min_replicas: must be a whole number from 0 to 5',
      ] as const,
  ),
  [`kind: redis, ${AT}, replica_timeout: 0s`, '56 store.replica_timeout: must be at least 10ms, not 0ms'],
  [`kind: redis, ${AT}, command_timeout: 2m`, '56 store.command_timeout: must be at most 1m, not 2m'],
  [
    `kind: redis, ${AT}, dangerously_without_aof: 1`,
    '64 store.dangerously_without_aof: must be true or false, not a number',
  ],
];

test.each(MISTAKES)('%s', async (members, ...expected) => {
  const found = await mistakesIn(members);
  // Where a path of this machine stands before it, the column is not for us to say.
  const shown = found.map((mistake, index) =>
    expected[index]?.startsWith(' ') ? mistake.replace(/^3:\d+/, '') : mistake.replace(/^3:/, ''),
  );
  expect(shown).toEqual(expected);
  expect(found.join('\n')).not.toContain('hunter2');
});

describe('what is good', () => {
  test.each([
    [`kind: redis, ${AT}`],
    ['kind: redis, url: "rediss://[::1]:1/15", tls: { ca_file: F/ca.pem, server_name: redis.example }'],
    ['kind: redis, cluster: [a_1:1, "[::1]:7000"], tls: true, min_replicas: 5'],
    ['kind: redis, sentinels: [a:1], master: m, sentinel_password_env: REDIS_PASSWORD, sentinel_username: s'],
    [`kind: redis, ${AT}, username: me, password_file: F/password.txt`],
    ['kind: redis, cluster: [a:1], tls: { certificate_file: F/ours.pem, key_file: F/ours.key }'],
    // A kill may take both: the call, and the wait for replicas after it.
    [`kind: redis, ${AT}, min_replicas: 1, replica_timeout: 5s, command_timeout: 100ms`],
  ])('is not a mistake: %s', async (members) => {
    expect(await mistakesIn(members)).toEqual([]);
  });
});
