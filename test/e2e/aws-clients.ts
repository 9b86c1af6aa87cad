// The stage for SDKs of AWS and its command line as they stand: a broker, a real S3, and the ways by which they get credentials.
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Going } from '../cli/command.js';
import { SCRIPT, startProgram } from '../cli/command.js';
import { TestBroker } from '../fixtures/broker.js';
import { CRM, SEARCH } from '../fixtures/broker-configuration.js';
import { Ceph, hasCeph, REGION } from '../fixtures/ceph.js';
import { tied } from '../fixtures/tied.js';
import { until } from '../fixtures/until.js';

/** Debian's, whatever else is called so. */
const AWS = existsSync('/usr/bin/aws') ? '/usr/bin/aws' : 'aws';
const isAbsent = (process.env['MAYFLY_TEST_ABSENT'] ?? '').split(',').includes('awscli');
export const hasAwsCommand = !isAbsent && spawnSync(AWS, ['--version'], { stdio: 'ignore' }).status === 0;
const READER = fileURLToPath(new URL('../fixtures/s3-reader.mjs', import.meta.url));

const BUCKET = 'reports';
/** Of that, half is fresh: whoever goes on for longer than a few seconds has had two. */
const LIFE = '8s';
const PATIENCE = { withinMs: 60_000, everyMs: 50 };
let ceph: Ceph;
let broker: TestBroker;
let tasks = 0;
const going: Going[] = [];

/** Before and after the tests of a file. */
export function setStage(): void {
  beforeAll(async () => {
    if (!hasCeph) return;
    ceph = await Ceph.start();
    await ceph.bucket(BUCKET, { 'a/1': 'one' });
    const role = await ceph.role('reader', [BUCKET]);
    const secret = join(ceph.folder, 'broker-secret');
    writeFileSync(secret, ceph.broker.secretAccessKey);
    const credential = {
      kind: 'aws-sts',
      region: REGION,
      endpoint: ceph.endpoint,
      roles: [role.arn],
      access_key_id: ceph.broker.accessKeyId,
      secret_access_key_file: secret,
      source_identity: false,
      session_tags: false,
      in_force_after: '1s',
      actions: { read: [{ actions: ['s3:GetObject'], resources: [`arn:aws:s3:::${BUCKET}/{{resource}}`] }] },
    };
    const reports = { plane: 'cloud', audience: 'https://reports.example', actions: ['read'], max_ttl: LIFE };
    broker = await TestBroker.start({
      terms: { tools: { crm: CRM, search: SEARCH, reports: { ...reports, credential } } },
    });
    // The broker has loaded what it needs for AWS: SDKs wait a second for an answer.
    const task = await openTask();
    await broker.credential('agent-1', { task_id: task, audience: 'reports' });
    await broker.complete(task);
  }, 90_000);
  afterEach(async () => {
    for (const { child, ended } of going.splice(0)) {
      child.kill('SIGKILL');
      await ended;
    }
  });
  afterAll(async () => {
    await broker?.stop();
    await ceph?.close();
  });
}

async function openTask(): Promise<string> {
  const id = `clients-${++tasks}`;
  await broker.openTask({ id, tools: [{ tool: 'reports', actions: ['read'], resources: ['a/*'] }] });
  return id;
}

type Variables = Readonly<Record<string, string>>;
export interface Way {
  readonly name: string;
  readonly variables: (task: string, folder: string) => Variables;
}

const endpointOf = (task: string): string => `${broker.url}/aws/credentials?task_id=${task}&tool=reports`;
const token = (): string => broker.workloads.token('agent-1');

export const BY_TOKEN: Way = {
  name: 'the endpoint, with a token',
  variables: (task) => ({
    AWS_CONTAINER_CREDENTIALS_FULL_URI: endpointOf(task),
    AWS_CONTAINER_AUTHORIZATION_TOKEN: token(),
  }),
};
export const BY_TOKEN_FILE: Way = {
  name: 'the endpoint, with a token in a file',
  variables: (task, folder) => {
    const file = join(folder, `${task}.token`);
    writeFileSync(file, token());
    return {
      AWS_CONTAINER_CREDENTIALS_FULL_URI: endpointOf(task),
      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: file,
    };
  },
};
export const BY_PROFILE: Way = {
  name: 'credential_process of a profile',
  variables: (task, folder) => {
    const file = join(folder, `${task}.config`);
    const command = [
      process.execPath,
      SCRIPT,
      'aws',
      'credential-process',
      '--task',
      task,
      '--tool',
      'reports',
    ];
    writeFileSync(file, `[profile reports]\nregion = ${REGION}\ncredential_process = ${command.join(' ')}\n`);
    return {
      AWS_CONFIG_FILE: file,
      AWS_PROFILE: 'reports',
      MAYFLY_URL: broker.url,
      MAYFLY_TOKEN: token(),
    };
  },
};

/** Nothing of what this machine may have for AWS. */
const nothingElse = (folder: string): Variables => ({
  HOME: folder,
  AWS_REGION: REGION,
  AWS_EC2_METADATA_DISABLED: 'true',
  AWS_SHARED_CREDENTIALS_FILE: join(folder, 'none'),
});

function start(command: readonly [string, string[]], way: Way, task: string): Going {
  const variables = { ...nothingElse(ceph.folder), ...way.variables(task, ceph.folder) };
  const started = startProgram(...tied(...command), variables);
  going.push(started);
  return started;
}

/** The lines that a program has written until now. */
function linesOf({ child }: Going): string[] {
  const lines: string[] = [];
  let rest = '';
  child.stdout!.on('data', (chunk: Buffer) => {
    const parts = (rest + chunk.toString('utf8')).split('\n');
    rest = parts.pop()!;
    lines.push(...parts);
  });
  return lines;
}

const leases = async (task: string): Promise<number> =>
  (await broker.get<{ leases: object[] }>(`/v1/leases?task=${task}`, 'operator')).body.leases.length;

const isRefusal = (line: string): boolean => line.startsWith('refused ');

/** A program that goes on, by the SDK for JavaScript. */
export const sdkTest = (way: Way): void =>
  test(`the SDK for JavaScript by ${way.name}: reads with one credential after the other, and is refused once its task is complete`, async () => {
    const task = await openTask();
    const lines = linesOf(start([process.execPath, [READER, ceph.endpoint, BUCKET, 'a/1']], way, task));
    const keys = () => new Set(lines.map((line) => line.split(' ')[2]));
    await until('it has had two credentials', () => keys().size > 1 || lines.some(isRefusal), PATIENCE);
    expect(lines.filter((line) => !line.startsWith('read one '))).toEqual([]);
    expect(await leases(task)).toBeLessThanOrEqual(keys().size + 1);
    await broker.complete(task);
    await until('it is refused', () => isRefusal(lines.at(-1) ?? ''), PATIENCE);
    const refusedAt = lines.length;
    await until('it has tried again', () => lines.length >= refusedAt + 2, PATIENCE);
    expect(lines.slice(refusedAt).filter((line) => !isRefusal(line))).toEqual([]);
  }, 120_000);

export const commandTest = (way: Way): void =>
  test(`the command line of AWS by ${way.name}: reads with one credential after the other, and is refused once its task is complete`, async () => {
    const task = await openTask();
    const copy = ['s3', 'cp', '--endpoint-url', ceph.endpoint, `s3://${BUCKET}/a/1`, '-'];
    const get = async () => start([AWS, copy], way, task).ended;
    const readAgain = async (): Promise<boolean> => {
      const { exit, out, err } = await get();
      expect([exit, out, err]).toEqual([0, 'one', '']);
      return (await leases(task)) > 1;
    };
    await until('it has had two credentials', readAgain, PATIENCE);
    await broker.complete(task);
    const { exit, out, err } = await get();
    expect([exit === 0, out]).toEqual([false, '']);
    expect(err).toMatch(/closed|credentials/);
  }, 120_000);
