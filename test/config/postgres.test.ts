// A tool whose credentials are logins to PostgreSQL: what the file may say of it, and every mistake in it, each at its line.
import { describe, expect, test } from '@jest/globals';
import { cautionsAbout } from '../../src/config/cautions.js';
import { settingsFrom } from '../../src/config/load.js';
import { LiveSettings } from '../../src/config/reload.js';
import { secretFilesOf } from '../../src/config/secret-files.js';
import { readFileSync, writeFileSync } from 'node:fs';
import { GOOD, mistakesOf } from './fixture.js';
import { folderWith, ours } from './redis-fixture.js';

const folder = folderWith({ 'password.txt': 'hunter2\n', 'empty.txt': '\n', 'ca.pem': ours.ca });
const environment = { DB_PASSWORD: 'hunter2', NOTHING: '' };

/** Line 19 is where `accounts-db` begins. */
const TOOL = `  accounts-db:
    plane: data
    audience: https://accounts-db.example
    actions: [read, write]
    credential:
      kind: postgres
      host: db.example
      database: app
      user: mayfly_broker
      password_env: DB_PASSWORD
      tls: { ca_file: ${folder}/ca.pem, server_name: db.internal.example }
      actions:
        read: { grant: ["GRANT SELECT ON accounts TO {{role}}"] }
        write: { grant: ["GRANT SELECT ON accounts TO {{role}}", "GRANT UPDATE ON {{resource:identifier}} TO {{role}}"] }
`;
const written = (from = '', to = ''): string => {
  if (!TOOL.includes(from)) throw new Error(`the tool has no ${from}`);
  return `${GOOD}${TOOL.replace(from, () => to)}`;
};
const credentialOf = async (text: string) =>
  (await settingsFrom(text, `${folder}/mayfly.yaml`, { environment })).catalogue.byName('accounts-db')!
    .credential;

test('is read as it stands, with its defaults, and its password is a secret', async () => {
  const credential = await credentialOf(written());
  expect(credential).toEqual({
    kind: 'postgres',
    host: 'db.example',
    port: 5432,
    database: 'app',
    user: 'mayfly_broker',
    password: expect.anything(),
    tls: { ca: ours.ca, serverName: 'db.internal.example' },
    connectionLimit: 4,
    grants: {
      read: ['GRANT SELECT ON accounts TO {{role}}'],
      write: ['GRANT SELECT ON accounts TO {{role}}', 'GRANT UPDATE ON {{resource:identifier}} TO {{role}}'],
    },
  });
  expect(JSON.stringify(credential)).not.toContain('hunter2');
  expect(credential.kind === 'postgres' && credential.password.reveal()).toBe('hunter2');
});

test('takes its password from a file, which the check of permissions knows of', async () => {
  const text = written('password_env: DB_PASSWORD', 'password_file: password.txt');
  const credential = await credentialOf(text);
  expect(credential.kind === 'postgres' && credential.password.reveal()).toBe('hunter2');
  writeFileSync(`${folder}/mayfly.yaml`, text);
  expect(await secretFilesOf(`${folder}/mayfly.yaml`)).toEqual([
    { what: 'tools.accounts-db.credential.password_file', path: `${folder}/password.txt` },
  ]);
});

test('a password that was replaced is one more reason to swap, and stands in no digest', async () => {
  const path = `${folder}/reload.yaml`;
  writeFileSync(path, written('password_env: DB_PASSWORD', 'password_file: password.txt'));
  const live = await LiveSettings.from(path, { environment });
  const { policyDigest } = live.current;
  writeFileSync(`${folder}/password.txt`, 'hunter3\n');
  expect(await live.reload()).toMatchObject({ swapped: true, changed: ['tools'] });
  expect(live.current.policyDigest).toBe(policyDigest);
  writeFileSync(`${folder}/password.txt`, 'hunter2\n');
});

test.each([
  ['tls: false', '127.0.0.1', 0],
  ['tls: false\n      dangerously_without_tls: true', 'db.example', 1],
])('%s is good for %s, with so many warnings: %s', async (tls, host, warnings) => {
  const text = written(TOOL.match(/tls: .*/)![0], tls).replace('host: db.example', `host: ${host}`);
  const settings = await settingsFrom(text, `${folder}/mayfly.yaml`, { environment });
  expect(settings.catalogue.byName('accounts-db')!.credential).not.toHaveProperty('tls');
  const told = cautionsAbout(settings).filter((caution) => caution.includes('dangerously_without_tls'));
  expect(told).toHaveLength(warnings);
});

test('whoever looks at the catalogue alone needs no password', async () => {
  const read = settingsFrom(written(), '/nowhere/mayfly.yaml', { environment: {}, catalogueOnly: true });
  await expect(read).resolves.toBeDefined();
});

const AT = 'tools.accounts-db.credential';
const READ = '"GRANT SELECT ON accounts TO {{role}}"] }\n        write';
const KNOWN = '{{role}}, {{resource:identifier}}, {{resource:literal}}';

/** What is written in the place of what, and every mistake that is reported. */
const MISTAKES: readonly (readonly [string, string, ...string[]])[] = [
  [
    'plane: data',
    'plane: cloud',
    `20:12 tools.accounts-db.plane: must be data: credentials of kind postgres open a database`,
  ],
  [
    'plane: data',
    'plane: data\n    renewable: true\n    require_dpop: true',
    '21:16 tools.accounts-db.renewable: must be false: a credential of kind postgres is not renewed, ask for another',
    '22:19 tools.accounts-db.require_dpop: must be false: a credential of kind postgres cannot be bound to a key',
  ],
  ['      host: db.example\n', '', `23:5 ${AT}.host: is missing: where PostgreSQL is, such as db.example`],
  [
    'host: db.example',
    'host: "postgres://db.example"',
    `25:13 ${AT}.host: must be a host name or an address, such as db.example`,
  ],
  ['database: app', 'database: app\n      port: 0', `27:13 ${AT}.port: must be a port from 1 to 65535`],
  [
    'password_env: DB_PASSWORD',
    'password: hunter2',
    `28:17 ${AT}.password: does not belong in this file: name a file under password_file, or a variable under password_env`,
  ],
  [
    'password_env: DB_PASSWORD',
    'password_env: NOTHING',
    `28:21 ${AT}.password_env: names a variable that is not set`,
  ],
  ['password_env: DB_PASSWORD', `password_file: ${folder}/empty.txt`, `28:22 ${AT}.password_file: is empty`],
  [
    'password_env: DB_PASSWORD',
    `password_env: DB_PASSWORD\n      password_file: ${folder}/password.txt`,
    `28:21 ${AT}.password_env: cannot be given together with password_file: keep one`,
  ],
  [
    TOOL.match(/tls: .*/)![0],
    'tls: false',
    `29:12 ${AT}.tls: must not be false for a host that is not this machine: say dangerously_without_tls: true if you mean it`,
  ],
  [
    '      actions:',
    '      dangerously_without_tls: true\n      actions:',
    `30:32 ${AT}.dangerously_without_tls: goes with tls: false: take it out, or say that there is no TLS`,
  ],
  [
    'actions: [read, write]',
    'actions: [read, write, erase]',
    `30:7 ${AT}.actions: has no statements for the action erase`,
  ],
  [
    'actions: [read, write]',
    'actions: [read]',
    `32:16 ${AT}.actions.write: is not among the actions of the tool`,
  ],
  [
    '      actions:',
    '      owns: { reassign_to: mayfly_broker }\n      actions:',
    `30:28 ${AT}.owns.reassign_to: must be a role that can do nothing, not the broker's own`,
  ],
  [
    '      actions:',
    '      owns: keep\n      actions:',
    `30:13 ${AT}.owns: must be drop, or a mapping such as { reassign_to: left_behind }`,
  ],
  [
    '      actions:',
    '      databases: [reports, app]\n      actions:',
    `30:28 ${AT}.databases[1]: is the database itself: name the others only`,
  ],
  [
    'kind: postgres',
    'kind: jwt',
    ...['25:13 host', '26:17 database', '27:13 user', '28:21 password_env', '29:12 tls', '30:7 actions'].map(
      (one) => {
        const [place, name] = one.split(' ');
        const kinds = name === 'actions' ? 'postgres or aws-sts' : 'postgres';
        return `${place} ${AT}.${name}: goes with kind: ${kinds}`;
      },
    ),
  ],
  ...(
    [
      [
        'GRANT SELECT ON accounts TO {{rolle}}',
        `has a placeholder that is not known, {{rolle}}: known are ${KNOWN}`,
      ],
      [
        'GRANT SELECT ON {{resource}} TO {{role}}',
        `has a placeholder that is not known, {{resource}}: known are ${KNOWN}`,
      ],
      ['GRANT SELECT ON accounts TO agents', 'must have {{role}}, the role that it is for'],
      ["SELECT f({{role}}, '{{resource:literal}}')", 'has a placeholder within quotes: it brings its own'],
      [
        'SELECT f({{role}}, E{{resource:literal}})',
        'must have {{resource:literal}} stand by itself, with a space or a bracket around it',
      ],
      ['GRANT SELECT ON accounts TO {{role}}; COMMIT', 'must be one statement, without ; at its end'],
      ['COMMIT', 'must begin with one of GRANT, REVOKE, ALTER, CREATE, COMMENT, SELECT, CALL'],
      ['GRANT SELECT ON accounts TO {{role}} -- and more', 'must not have a comment'],
      ['SELECT f({{role}}, $$ text $$)', 'must not have $'],
      ["SELECT f({{role}}, 'it)", 'has a quote that does not end, or a backslash within quotes'],
      ["SELECT f({{role}}, E'a')", "must not have E'…', U&'…' or the like"],
    ] as const
  ).map(([statement, message]): [string, string, string] => [
    READ,
    `${JSON.stringify(statement)}] }\n        write`,
    `31:25 ${AT}.actions.read.grant[0]: ${message}`,
  ]),
  [
    `[${READ.split(' }')[0]!.replace(/\]$/, '')}]`,
    '[]',
    `31:24 ${AT}.actions.read.grant: must have at least one statement`,
  ],
];

describe('one mistake', () => {
  test.each(MISTAKES)('%s → %s', async (from, to, ...expected) => {
    expect(await mistakesOf(written(from, to), { environment })).toEqual(expected);
  });
});

test('all mistakes are told at once', async () => {
  const text = written()
    .replace(
      'plane: data\n    audience: https://accounts-db',
      'plane: tool\n    audience: https://accounts-db',
    )
    .replace('database: app', 'database: ""')
    .replace('password_env: DB_PASSWORD', 'password_env: NOTHING')
    .replace('{{resource:identifier}}', '{{thing}}');
  expect(await mistakesOf(text, { environment })).toEqual([
    expect.stringMatching(/^20:12 .*must be data/),
    expect.stringMatching(/^26:7 .*database: must be 1 to 63/),
    expect.stringMatching(/^28:21 .*not set/),
    expect.stringMatching(/^32:\d+ .*write\.grant\[1\]: has a placeholder that is not known, {{thing}}/),
  ]);
});

test('the example of the page is good', async () => {
  const [, example = ''] = /```yaml\n([\s\S]*?)```/.exec(readFileSync('docs/postgres.md', 'utf8')) ?? [];
  const text = GOOD.replace('tools:\n', example)
    .replace('/run/secrets/app-db-password', `${folder}/password.txt`)
    .replace('./db-ca.pem', `${folder}/ca.pem`);
  await expect(settingsFrom(text, `${folder}/mayfly.yaml`)).resolves.toBeDefined();
});
