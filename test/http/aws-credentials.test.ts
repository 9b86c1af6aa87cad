// The endpoint that SDKs of AWS ask again and again: an exchange in everything, and the same credential while it is fresh.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Secret } from '../../src/domain/secret.js';
import { MayflyClient } from '../../src/sdk/client/index.js';
import type { AwsCredentialsView, AwsError } from '../../src/wire/aws.js';
import { command } from '../cli/command.js';
import { ran } from '../cli/fake-shell.js';
import { TestBroker } from '../fixtures/broker.js';
import { CRM, SEARCH } from '../fixtures/broker-configuration.js';
import { SettableClock } from '../contract/store/harness.js';
import { SMALL_ROLE, SmallSts } from '../fixtures/small-sts.js';

/** Of eight minutes: it is fresh while more than two of them are left. */
const LIFE = { max_ttl: '8m' };
const clock = new SettableClock();
let sts: SmallSts;
let broker: TestBroker;
let tools: Record<string, object>;
let task = '';
let tasks = 0;

beforeAll(async () => {
  sts = await SmallSts.start(clock);
  tools = { crm: CRM, search: SEARCH, reports: sts.tool(LIFE) };
  broker = await TestBroker.start({ clock, terms: { tools } });
});
afterAll(async () => {
  await broker.stop();
  await sts.close();
});
beforeEach(async () => {
  task = `aws-${++tasks}`;
  const asked = { tool: 'reports', actions: ['read'], resources: ['a/*'] };
  await broker.openTask({ id: task, ttl: '1h', tools: [{ tool: 'crm', actions: ['read'] }, asked] });
});

type Body = AwsCredentialsView & AwsError;
const ask = (as = 'agent-1', tool = 'reports') =>
  broker.get<Body>(`/aws/credentials?task_id=${task}&tool=${tool}`, as);
const good = async (as?: string): Promise<AwsCredentialsView> => {
  const { status, text, body } = await ask(as);
  expect([status, text]).toEqual([200, expect.any(String)]);
  return body;
};
const leases = async () =>
  (await broker.get<{ leases: { id: string; agent: string }[] }>(`/v1/leases?task=${task}`, 'operator')).body
    .leases;

describe('what is given', () => {
  test('is what SDKs read, with all that the task has, until our end, and is kept by nobody on the way', async () => {
    const reply = await ask();
    expect(reply.headers.get('cache-control')).toBe('no-store');
    const number = sts.sessions.length;
    const [lease] = await leases();
    expect(reply.body).toEqual({
      AccessKeyId: `ASIA${number}`,
      SecretAccessKey: `secret-${number}`,
      Token: `session-${number}`,
      Expiration: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
    });
    expect(Date.parse(reply.body.Expiration)).toBeLessThanOrEqual(clock.now() + 480_000);
    expect(sts.sessions.at(-1)!.get('RoleSessionName')).toBe(lease!.id);
    expect(sts.sessions.at(-1)!.get('Policy')).toContain('"arn:aws:s3:::reports/a/*"');
    const [event] = await broker.auditOf(reply);
    expect(event).toMatchObject({ action: 'token.exchange', outcome: 'permitted', lease_id: lease!.id });
  });

  test('is given for a token as SDKs send it, without Bearer, and for no other than a good one', async () => {
    const path = `/aws/credentials?task_id=${task}&tool=reports`;
    const shown = (authorization: string) => broker.call<Body>('GET', path, { headers: { authorization } });
    expect((await shown(broker.workloads.token('agent-1'))).status).toBe(200);
    expect((await shown('garbage')).body.Code).toBe('UnrecognizedClientException');
    expect(
      (
        await broker.call<Body>('GET', '/v1/tools', {
          headers: { authorization: broker.workloads.token('agent-1') },
        })
      ).status,
    ).toBe(401);
  });

  test('is for tools with credentials of AWS alone, and of another tool nobody is told what it is', async () => {
    expect((await ask('agent-1', 'crm')).body).toEqual({
      Code: 'ValidationError',
      Message: expect.stringContaining('Credentials of crm are of kind jwt, not aws-sts. (req_'),
    });
    const [outside, none] = [await ask('agent-1', 'search'), await ask('agent-1', 'nothing')];
    expect([outside.status, none.status]).toEqual([404, 404]);
    expect(outside.body.Message.replace(/req_\w+/, '')).toBe(none.body.Message.replace(/req_\w+/, ''));
  });

  test('is a refusal on record where the task is over', async () => {
    await broker.complete(task);
    const reply = await ask();
    expect([reply.status, reply.body.Code]).toEqual([409, 'ConflictException']);
    expect(await broker.auditOf(reply)).toMatchObject([{ action: 'token.exchange', reason: 'task_closed' }]);
  });
});

describe('whoever asks again', () => {
  test('is given the same while it is fresh, and that is on record, too; then another', async () => {
    const first = await good();
    clock.advance(350_000);
    const again = await ask();
    expect(again.body).toEqual(first);
    const [lease] = await leases();
    expect(await broker.auditOf(again)).toMatchObject([
      { action: 'lease.again', outcome: 'permitted', lease_id: lease!.id, principal: 'cluster/agent-1' },
    ]);
    clock.advance(15_000);
    const later = await good();
    expect(later.AccessKeyId).not.toBe(first.AccessKeyId);
    expect(await good()).toEqual(later);
    expect(await leases()).toHaveLength(2);
  });

  test('at the same moment, and with many others, is given one and the same', async () => {
    const before = sts.sessions.length;
    const all = await Promise.all(Array.from({ length: 12 }, () => good()));
    expect(new Set(all.map(({ AccessKeyId: id }) => id)).size).toBe(1);
    expect(sts.sessions).toHaveLength(before + 1);
  });

  test('and finds that the one before was refused by the target, asks the target once more', async () => {
    sts.beforeSession = () => Promise.reject(new Error('not now'));
    expect((await ask()).status).toBe(503);
    sts.beforeSession = () => Promise.resolve();
    await good();
  });

  test('is another agent: another credential', async () => {
    const one = await good('agent-1');
    const other = await good('agent-2');
    expect(other.AccessKeyId).not.toBe(one.AccessKeyId);
    expect((await leases()).map(({ agent }) => agent).toSorted()).toEqual([
      'cluster/agent-1',
      'cluster/agent-2',
    ]);
  });

  test.each<[what: string, end: (lease: string) => Promise<unknown>]>([
    ['given back', (lease) => broker.release(lease, 'agent-1')],
    ['killed by itself', (lease) => broker.kill({ lease })],
    ['killed with its tool', () => broker.kill({ tool: 'reports' })],
  ])('is never given one that is dead: %s', async (_what, end) => {
    const first = await good();
    await end((await leases())[0]!.id);
    expect((await good()).AccessKeyId).not.toBe(first.AccessKeyId);
  });

  test('is given nothing once the agent is quarantined', async () => {
    await good('agent-4');
    await broker.kill({ agent: 'cluster/agent-4' }, { quarantine: true });
    expect((await ask('agent-4')).status).toBe(404);
  });

  test('is given another where the tool means something else by now', async () => {
    const first = await good();
    const moved = sts.tool(LIFE, { roles: [`${SMALL_ROLE}-2`] });
    broker.configure({ tools: { ...tools, reports: moved } });
    expect(await broker.live.reload()).toMatchObject({ swapped: true });
    expect((await good()).AccessKeyId).not.toBe(first.AccessKeyId);
    expect(sts.sessions.at(-1)!.get('RoleArn')).toBe(`${SMALL_ROLE}-2`);
  });

  test('leaves no secret at rest, and none in the log', async () => {
    await good();
    await good();
    const seen = `${broker.log.join('')}${broker.bytesAtRest().toString('latin1')}`;
    expect(seen).not.toMatch(/"secret-\d|session-\d/);
  });
});

const called = (as: string, args: readonly string[] = []) =>
  ran(['aws', 'credential-process', '--task', task, '--tool', 'reports', ...args], {
    environment: { url: broker.url, token: new Secret(broker.workloads.token(as)) },
  });

describe('mayfly aws credential-process', () => {
  test('prints what credential_process of a profile reads, the same as the endpoint gives', async () => {
    const { AccessKeyId, SecretAccessKey, Token, Expiration } = await good();
    const { exit, out, err } = await called('agent-1');
    expect([exit, err]).toEqual([0, '']);
    expect(JSON.parse(out)).toEqual({
      Version: 1,
      AccessKeyId,
      SecretAccessKey,
      SessionToken: Token,
      Expiration,
    });
  });

  test('says in one line why there is none, and ends with another code than 0', async () => {
    const { exit, out, err } = await called('planner');
    expect([exit, out]).toEqual([4, '']);
    expect(err).toMatch(/^mayfly: This identity may not do that\. \(req_\w+\)\n$/);
    const json = await called('planner', ['--json']);
    expect(JSON.parse(json.err)).toMatchObject({ error: { code: 'denied', status: 403 } });
  });
});

test('mayfly exec gives a command the variables that SDKs look for', async () => {
  const print =
    'echo "$AWS_ACCESS_KEY_ID $AWS_SECRET_ACCESS_KEY $AWS_SESSION_TOKEN $AWS_REGION $AWS_DEFAULT_REGION"';
  const asked = ['exec', '--task', task, '--tool', 'reports'];
  const variables = { MAYFLY_URL: broker.url, MAYFLY_TOKEN: broker.workloads.token('agent-1') };
  const { exit, out } = await command([...asked, '--', 'sh', '-c', print], variables);
  const number = sts.sessions.length;
  expect([exit, out]).toEqual([0, `ASIA${number} secret-${number} session-${number} us-east-1 us-east-1\n`]);
  const byFile = await command([...asked, '--file', '--', 'sh', '-c', print], variables);
  expect([byFile.exit, byFile.out.trim()]).toEqual([0, '']);
});

test('the client has a method for it', async () => {
  const token = broker.workloads.token('agent-1');
  const client = new MayflyClient({ url: broker.url, token });
  expect(await client.awsCredentials(task, 'reports')).toEqual(await good());
  await expect(client.awsCredentials('none', 'reports')).rejects.toMatchObject({
    code: 'ERR_NOT_FOUND',
    message: expect.not.stringContaining('req_'),
    requestId: expect.stringMatching(/^req_/),
  });
});
