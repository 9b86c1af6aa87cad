// A tool whose credentials are sessions of AWS: what the file may say of it, and every mistake in it, each at its line.
import { expect, test } from '@jest/globals';
import { readFileSync, writeFileSync } from 'node:fs';
import { parse, stringify } from 'yaml';
import { cautionsAbout } from '../../src/config/cautions.js';
import { settingsFrom } from '../../src/config/load.js';
import { secretFilesOf } from '../../src/config/secret-files.js';
import type { AwsStsCredential } from '../../src/domain/aws-sts.js';
import { GOOD, mistakesOf } from './fixture.js';
import { folderWith } from './redis-fixture.js';

const folder = folderWith({ 'secret.txt': 'hunter2\n', 'empty.txt': '' });
const environment = { AWS_SECRET: 'hunter2', AWS_SESSION: 'hunter3' };

/** Line 19 is where `reports` begins. */
const TOOL = `  reports:
    plane: cloud
    audience: https://reports.example
    actions: [read]
    credential:
      kind: aws-sts
      region: eu-west-1
      roles: ['arn:aws:iam::111122223333:role/agents/mayfly-reports-1']
      actions:
        read:
          - actions: ['s3:GetObject']
            resources: ['arn:aws:s3:::reports/{{resource}}']
`;
const written = (from = '', to = ''): string => {
  if (!TOOL.includes(from)) throw new Error(`the tool has no ${from}`);
  return `${GOOD}${TOOL.replace(from, () => to)}`;
};
const settingsOf = (text: string) => settingsFrom(text, `${folder}/mayfly.yaml`, { environment });
const credentialOf = async (text: string) =>
  (await settingsOf(text)).catalogue.byName('reports')!.credential as AwsStsCredential;
const KEYS = `region: eu-west-1
      access_key_id: AKIA123
      secret_access_key_env: AWS_SECRET
      session_token_env: AWS_SESSION`;

test('is read as it stands, with its defaults', async () => {
  expect(await credentialOf(written())).toEqual({
    kind: 'aws-sts',
    region: 'eu-west-1',
    roles: ['arn:aws:iam::111122223333:role/agents/mayfly-reports-1'],
    sessionsPerRole: 80,
    supports: { sourceIdentity: true, tags: true },
    inForceAfterMs: 10_000,
    template: {
      actions: {
        read: [{ actions: ['s3:GetObject'], resources: ['arn:aws:s3:::reports/{{resource}}'] }],
      },
    },
  });
});

test('takes the keys of the broker from variables or files, which the check of permissions knows of, and shows none', async () => {
  const credential = await credentialOf(written('region: eu-west-1', KEYS));
  expect(credential.keys?.accessKeyId).toBe('AKIA123');
  expect(credential.keys?.secretAccessKey.reveal()).toBe('hunter2');
  expect(credential.keys?.sessionToken?.reveal()).toBe('hunter3');
  expect(JSON.stringify(credential)).not.toContain('hunter');
  const inFile = KEYS.replace('_env: AWS_SECRET', '_file: secret.txt');
  const text = written('region: eu-west-1', inFile);
  expect((await credentialOf(text)).keys?.secretAccessKey.reveal()).toBe('hunter2');
  writeFileSync(`${folder}/mayfly.yaml`, text);
  expect(await secretFilesOf(`${folder}/mayfly.yaml`)).toEqual([
    { what: 'tools.reports.credential.secret_access_key_file', path: `${folder}/secret.txt` },
  ]);
});

const by = (more: string) => credentialOf(written('region: eu-west-1', `region: eu-west-1\n      ${more}`));

test('asks STS by a token of the broker where that is said, for the audience that IAM has', async () => {
  expect((await by('web_identity: false')).webIdentity).toBeUndefined();
  expect((await by('web_identity: true')).webIdentity).toEqual({ audience: 'sts.amazonaws.com' });
  const named = 'web_identity: true\n      web_identity_audience: mayfly';
  expect((await by(named)).webIdentity).toEqual({ audience: 'mayfly' });
});

test('may hand out other credentials where that is said loudly, and is warned of', async () => {
  const vending = written("'s3:GetObject'", "'sts:AssumeRole'");
  expect(await mistakesOf(vending, { environment })).toHaveLength(1);
  const loud = vending.replace('region:', 'dangerously_allow_token_vending: true\n      region:');
  const settings = await settingsOf(loud);
  expect(cautionsAbout(settings).filter((caution) => caution.includes('token_vending'))).toHaveLength(1);
});

const AT = 'tools.reports.credential';

/** What is written in the place of what, and every mistake that is reported. */
const MISTAKES: readonly (readonly [string, string, ...string[]])[] = [
  [
    'plane: cloud',
    'plane: tool\n    renewable: true\n    require_dpop: true',
    '20:12 tools.reports.plane: must be cloud or data: credentials of kind aws-sts open a cloud',
    '21:16 tools.reports.renewable: must be false: a credential of kind aws-sts is not renewed, ask for another',
    '22:19 tools.reports.require_dpop: must be false: a credential of kind aws-sts cannot be bound to a key',
  ],
  [
    'region: eu-west-1',
    'region: Europe',
    `25:15 ${AT}.region: must be the name of a region, such as eu-west-1`,
  ],
  [
    'region: eu-west-1',
    'region: eu-west-1\n      endpoint: http://ceph.example',
    `26:17 ${AT}.endpoint: must be https: plain http is for loopback addresses only`,
  ],
  [
    'region: eu-west-1',
    'region: eu-west-1\n      host: db.example\n      sessions_per_role: 116',
    `26:13 ${AT}.host: goes with kind: postgres`,
    `27:26 ${AT}.sessions_per_role: must be a whole number from 1 to 115: one role can deny no more by name`,
  ],
  [
    'region: eu-west-1',
    'region: eu-west-1\n      secret_access_key: hunter2',
    `26:26 ${AT}.secret_access_key: does not belong in this file: name a file under secret_access_key_file, or a variable under secret_access_key_env`,
  ],
  [
    'region: eu-west-1',
    'region: eu-west-1\n      web_identity_audience: mayfly',
    `26:30 ${AT}.web_identity_audience: goes with web_identity: true: else nothing has it`,
  ],
  [
    'region: eu-west-1',
    'region: eu-west-1\n      access_key_id: AKIA123',
    `26:22 ${AT}.access_key_id: needs its secret: name it under secret_access_key_file or secret_access_key_env`,
  ],
  [
    'region: eu-west-1',
    'region: eu-west-1\n      session_token_env: NOBODY_SET_THIS',
    `26:26 ${AT}.session_token_env: goes with access_key_id: without it, the platform says who the broker is`,
    `26:26 ${AT}.session_token_env: names a variable that is not set`,
  ],
  [
    "'arn:aws:iam::111122223333:role/agents/mayfly-reports-1'",
    "'mayfly-reports-1', 'arn:aws:iam::1:role/a', 'arn:aws:iam::1:role/a'",
    `26:15 ${AT}.roles[0]: must be the ARN of a role, such as arn:aws:iam::111122223333:role/mayfly-reports-1`,
    `26:60 ${AT}.roles[2]: is listed twice`,
  ],
  [
    '        read:\n',
    '        write:\n',
    `28:9 ${AT}.actions.write: is no action of the tool`,
    `27:7 ${AT}.actions: says nothing of read, an action of the tool`,
  ],
  [
    'reports/{{resource}}',
    'reports/{{user}}',
    `30:25 ${AT}.actions.read[0].resources[0]: knows no placeholders but {{resource}} and {{task}}`,
  ],
  [
    "'s3:GetObject'",
    "'s3:GetObject', 's3:*'",
    `29:39 ${AT}.actions.read[0].actions[1]: s3:* takes in s3:GetDataAccess, which hands out what outlives a kill: name others, or set dangerously_allow_token_vending`,
  ],
  [
    "'arn:aws:s3:::reports/{{resource}}'",
    Array.from({ length: 30 }, (_, at) => `'arn:aws:s3:::reports-${at}/${'x'.repeat(40)}/{{resource}}'`).join(
      ', ',
    ),
    `28:9 ${AT}.actions.read: comes to a policy of 2345 characters at least, and STS takes 2048: make two actions of it`,
  ],
];

test.each(MISTAKES)(
  'what is written in the place of %j is told with all that is wrong',
  async (from, to, ...told) => {
    const found = await mistakesOf(written(from, to), { environment });
    expect(found.toSorted()).toEqual(told.toSorted());
  },
);

test('all that goes with another kind is refused of signed credentials', async () => {
  const found = await mistakesOf(written('kind: aws-sts', 'kind: jwt'), { environment });
  expect(found).toEqual([
    `25:15 ${AT}.region: goes with kind: aws-sts`,
    `26:14 ${AT}.roles: goes with kind: aws-sts`,
    `27:7 ${AT}.actions: goes with kind: postgres or aws-sts`,
  ]);
});

test('the examples that are shown are good', async () => {
  const [, example = ''] = /```yaml\n(tools:[\s\S]*?)```/.exec(readFileSync('docs/aws.md', 'utf8')) ?? [];
  const inPage = parse(example) as { tools: object };
  const commented = /\n {2}# reports:\n(?: {2}#.*\n)+/.exec(readFileSync('config/mayfly.yaml', 'utf8'))![0];
  const inFile = parse(`tools:\n${commented.replaceAll('\n  # ', '\n  ')}`) as { tools: object };
  const good = parse(GOOD) as { tools: object };
  for (const { tools } of [inPage, inFile]) {
    const text = stringify({ ...good, tools: { ...good.tools, ...tools } }).replace(
      '/run/secrets/aws',
      'secret.txt',
    );
    expect((await credentialOf(text)).kind).toBe('aws-sts');
  }
});
