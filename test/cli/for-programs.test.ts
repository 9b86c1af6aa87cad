// What programs rely on: every route has a command, every answer and every failure is JSON when asked for, lists can be read whole.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Secret } from '../../src/domain/secret.js';
import { ACCESS, type RouteName } from '../../src/http/access.js';
import { TestBroker } from '../fixtures/broker.js';
import { answering, inPlaceOfBroker } from '../fixtures/in-place-of-broker.js';
import { SCRIPT, startProgram } from './command.js';
import { type Ran, ran } from './fake-shell.js';

let broker: TestBroker;
beforeAll(async () => {
  broker = await TestBroker.start();
  for (const id of ['one', 'two', 'three']) await broker.openTask({ id });
});
afterAll(() => broker.stop());

const as = (sub: string, args: readonly string[], input = ''): Promise<Ran> =>
  ran(args, { environment: { url: broker.url, token: new Secret(broker.workloads.token(sub)) }, input });
const jsonOf = (text: string): unknown => JSON.parse(text) as unknown;

/** Which command asks for each route. */
const COMMANDS: Readonly<Record<RouteName, string>> = {
  introspect: 'introspect',
  revokeToken: 'revoke-token',
  openTask: 'task open',
  listTasks: 'task list',
  readTask: 'task show',
  readReceipt: 'task receipt',
  completeTask: 'task complete',
  extendTask: 'task extend',
  signalTask: 'task signal',
  issueCredentials: 'task credentials',
  awsCredentials: 'aws credential-process',
  listTools: 'tool list',
  listLeases: 'lease list',
  readLease: 'lease show',
  releaseLease: 'lease release',
  retryLease: 'lease retry',
  forceLease: 'lease force',
  renewLease: 'lease renew',
  revoke: 'revoke',
  readRevocations: 'feed',
  streamRevocations: 'feed',
  acknowledgeRevocations: 'feed',
  listVerifiers: 'verifier list',
  recover: 'recover',
  reconcile: 'reconcile',
  listQuarantines: 'quarantine list',
  liftQuarantine: 'quarantine lift',
  reportToolCalls: 'tool report',
  readAudit: 'audit',
  readMetrics: 'metrics',
};
const OPEN = [
  'token',
  'status',
  'keys',
  'openapi',
  'top',
  'why',
  'doctor',
  'dpop-key new',
  'dpop-key show',
  'policy check',
  'policy test',
  'policy explain',
  'policy replay',
];

test.each([...new Set([...Object.values(COMMANDS), ...OPEN])])(
  'mayfly %s is there, and takes --json',
  async (command) => {
    const { exit, out } = await ran([...command.split(' '), '--help']);
    expect([exit, out]).toEqual([0, expect.stringMatching(/^ {2}--json /m)]);
    expect(Object.keys(COMMANDS)).toEqual(Object.keys(ACCESS));
  },
);

describe('a failure with --json is one document on standard error', () => {
  test.each([
    [
      'of the broker',
      ['task', 'show', 'nowhere'],
      { code: 'not_found', exit: 3, status: 404, type: 'not-found' },
    ],
    [
      'of an OAuth endpoint',
      ['token', '--task', 'nowhere', '--tool', 'crm'],
      { code: 'refused', exit: 1, status: 400, type: 'invalid_target' },
    ],
    ['of the command line', ['task', 'list', '--state', 'odd'], { code: 'usage', exit: 2 }],
    ['of a command that is not there', ['taks'], { code: 'usage', exit: 2 }],
    ['before anything is sent', ['revoke', '--reason', 'x'], { code: 'usage', exit: 2 }],
  ])('%s', async (_name, args, error) => {
    const { exit, out, err } = await as(args[0] === 'token' ? 'agent-1' : 'planner', [...args, '--json']);
    expect([exit, out]).toEqual([error.exit, '']);
    expect(jsonOf(err)).toEqual({
      error: expect.objectContaining({ ...error, message: expect.any(String) }),
    });
    expect(err.trim().split('\n')).toHaveLength(1);
  });

  test('and holds the flaws of a body, and when to come again', async () => {
    const flawed = await as('planner', ['task', 'open', '--file', '-', '--json'], '{"purpose": 7}');
    expect(jsonOf(flawed.err)).toMatchObject({
      error: { flaws: expect.arrayContaining([{ at: 'agents', message: expect.any(String) }]) },
    });
    const server = await inPlaceOfBroker(answering(429, { title: 'Too many.' }, { 'retry-after': '60' }));
    try {
      const environment = { url: server.url, token: new Secret('a.b.c') };
      const limited = await ran(['tool', 'list', '--json'], { environment });
      expect(jsonOf(limited.err)).toEqual({
        error: { code: 'refused', exit: 1, message: 'Too many.', status: 429, retry_after_seconds: 60 },
      });
      const told = await ran(['tool', 'list'], { environment });
      expect(told.err).toContain('  try again in 60 s\n');
    } finally {
      server.close();
    }
  });
});

describe('a list', () => {
  test('is one document a page, and with --all one document an item', async () => {
    const page = await as('planner', ['task', 'list', '--limit', '2', '--json']);
    expect(jsonOf(page.out)).toMatchObject({ tasks: [{ id: 'three' }, { id: 'two' }], next: 'two' });
    const all = await as('planner', ['task', 'list', '--limit', '1', '--all', '--json']);
    const ids = all.out
      .trim()
      .split('\n')
      .map((line) => (jsonOf(line) as { id: string }).id);
    expect(ids).toEqual(['three', 'two', 'one']);
  });

  test('says how to go on, with the option that does', async () => {
    const tasks = await as('planner', ['task', 'list', '--limit', '1']);
    expect(tasks.err).toBe('there are more: --after three, or --all\n');
    const first = await as('auditor', ['audit', '--limit', '1']);
    const [, sequence = ''] = /there are more: --before (\d+), or --all/.exec(first.err) ?? [];
    const next = await as('auditor', ['audit', '--limit', '1', '--before', sequence, '--json']);
    expect((jsonOf(next.out) as { events: { sequence: number }[] }).events[0]!.sequence).toBeLessThan(
      Number(sequence),
    );
    expect((await as('planner', ['task', 'list', '--all'])).out.split('\n')).toHaveLength(5);
  });
});

test('what a broker tells everybody needs no token', async () => {
  const environment = { url: broker.url };
  expect(jsonOf((await ran(['status', '--json'], { environment })).out)).toMatchObject({
    ready: true,
    issuer: broker.url,
    keys: 1,
  });
  expect(jsonOf((await ran(['keys', '--json'], { environment })).out)).toMatchObject({
    keys: [{ kty: 'EC' }],
  });
  expect(jsonOf((await ran(['openapi'], { environment })).out)).toMatchObject({
    openapi: expect.stringMatching(/^3\.1/),
  });
  const sick = await inPlaceOfBroker(
    answering(503, { status: 'not ready', why: 'disk full' }),
    answering(200, { issuer: 'x', keys: [] }),
  );
  const { exit, out } = await ran(['status'], { environment: { url: sick.url } });
  sick.close();
  expect([exit, out]).toEqual([69, expect.stringContaining('no: disk full')]);
});

test('an answer that cannot be written is a failure that is told, not a crash', async () => {
  const line = `exec '${process.execPath}' '${SCRIPT}' completion bash >/dev/full`;
  expect(await startProgram('sh', ['-c', line]).ended).toMatchObject({
    exit: 70,
    err: 'mayfly: standard output cannot be written (ENOSPC)\n',
  });
});

test('metrics are those of the broker', async () => {
  const { exit, out } = await as('operator', ['metrics']);
  expect([exit, out]).toEqual([0, expect.stringMatching(/^# HELP mayfly_/m)]);
});

test('a credential that is shown is given back', async () => {
  const { access_token: credential } = await broker.credential('agent-1', {
    task_id: 'one',
    audience: 'crm',
  });
  const file = join(broker.folder, 'credential');
  writeFileSync(file, credential);
  expect(await as('agent-1', ['revoke-token', file])).toMatchObject({ exit: 0, out: '' });
  expect(jsonOf((await as('crm-api', ['introspect', '-', '--json'], credential)).out)).toEqual({
    active: false,
  });
  expect((await as('agent-1', ['revoke-token', '-'])).exit).toBe(2);
});

const open = (id: string, instance: string): Promise<Ran> =>
  as('planner', [
    'task',
    'open',
    '--id',
    id,
    '--purpose',
    'p',
    '--agent',
    'cluster/*',
    '--tool',
    'crm:read',
    '--ttl',
    '5m',
    '--instance',
    instance,
    '--json',
  ]);

test('a task is bound to instances as the command line says', async () => {
  expect(jsonOf((await open('bound', 'pod:uid-1')).out)).toMatchObject({
    instance: { kind: 'pod', id: 'uid-1' },
  });
  expect(jsonOf((await open('first', 'key')).out)).toMatchObject({ instance: { kind: 'key' } });
  expect((await open('odd', 'host')).exit).toBe(2);
});

test('a signal is told with what became of it, to people and to programs', async () => {
  const args = ['task', 'signal', 'two', 'untrusted_content', '--reason', 'read a web page'];
  expect(jsonOf((await as('planner', [...args, '--json'])).out)).toEqual({
    task_id: 'two',
    type: 'untrusted_content',
    added: true,
    signals: ['untrusted_content'],
    ended_leases: 0,
  });
  const { exit, out } = await as('crm-api', args);
  expect([exit, out.replaceAll(/ +/g, ' ')]).toEqual([
    0,
    'task two\nsignal untrusted_content, reported before\nsignals untrusted_content\nended 0 leases\n',
  ]);
  expect((await as('planner', ['task', 'signal', 'two', 'Un-trusted'])).exit).toBe(1);
});

test('a trace is carried on', async () => {
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  const server = await inPlaceOfBroker(answering(200, { tools: [] }));
  await ran(['tool', 'list'], { environment: { url: server.url, token: new Secret('a.b.c'), traceparent } });
  server.close();
  expect(server.seen[0]!.headers['traceparent']).toBe(traceparent);
});

test.each([
  [['taks'], 'Did you mean task?'],
  [['task', 'opne'], 'Did you mean open?'],
  [['task', 'list', '--limt', '3'], 'Did you mean --limit?'],
])('%j: a near one is proposed', async (args, proposed) => {
  const { exit, err } = await ran(args);
  expect([exit, err]).toEqual([2, expect.stringContaining(proposed)]);
});
