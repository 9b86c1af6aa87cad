// Sessions of AWS over the broker's own routes, at a real STS, IAM and S3: asked for, used, and dead with the task.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { S3Client } from '@aws-sdk/client-s3';
import type { AwsCredential } from '../../src/minters/aws-sts/aws-sts-minter.js';
import type { LeaseView } from '../../src/wire/leases.js';
import { verifyReceipt } from '../../src/sdk/verifier/receipt.js';
import { TestBroker } from '../fixtures/broker.js';
import { CRM, SEARCH } from '../fixtures/broker-configuration.js';
import { Ceph, hasCeph, read, REGION } from '../fixtures/ceph.js';
import { until } from '../fixtures/until.js';

const BUCKET = 'reports';
let ceph: Ceph;
let broker: TestBroker;
let tools: Record<string, object>;
const s3s: S3Client[] = [];

beforeAll(async () => {
  if (!hasCeph) return;
  ceph = await Ceph.start();
  await ceph.bucket(BUCKET, { 'a/1': 'one', 'b/1': 'other' });
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
    actions: {
      read: [{ actions: ['s3:GetObject'], resources: [`arn:aws:s3:::${BUCKET}/{{resource}}`] }],
    },
  };
  const reports = { plane: 'cloud', audience: 'https://reports.example', actions: ['read'], credential };
  const brief = { ...reports, audience: 'https://brief.example', max_ttl: '5s' };
  const closed = { ...credential, roles: [(await ceph.role('tight', [BUCKET])).arn] };
  const tight = { ...reports, audience: 'https://tight.example', credential: closed };
  tools = { crm: CRM, search: SEARCH, reports, brief, tight };
  broker = await TestBroker.start({ terms: { tools } });
}, 60_000);
afterAll(async () => {
  for (const s3 of s3s) s3.destroy();
  await broker?.stop();
  await ceph?.close();
});

const openTask = (id: string) =>
  broker.openTask({
    id,
    tools: [
      { tool: 'reports', actions: ['read'], resources: ['a/*'] },
      { tool: 'brief', actions: ['read'], resources: ['a/*'] },
      { tool: 'tight', actions: ['read'], resources: ['a/*'] },
      { tool: 'crm', actions: ['read'] },
    ],
  });
const ask = (task: string, more: object = {}) =>
  broker.credential('agent-1', {
    task_id: task,
    audience: 'reports',
    authorization_details: JSON.stringify([{ type: 'mayfly_tool', actions: ['read'], resources: ['a/*'] }]),
    ...more,
  });
function clientFor(accessToken: string): S3Client {
  const {
    access_key_id: key,
    secret_access_key: secret,
    session_token: token,
  } = JSON.parse(accessToken) as AwsCredential;
  const s3 = ceph.s3({ accessKeyId: key, secretAccessKey: secret, sessionToken: token });
  s3s.push(s3);
  return s3;
}
const leaseOf = async (id: string): Promise<LeaseView> =>
  (await broker.get<LeaseView>(`/v1/leases/${id}`, 'operator')).body;

(hasCeph ? describe : describe.skip)('a task with a session of AWS', () => {
  test('reads what was granted alone until the task is complete, and not two seconds longer; its receipt says how dead it is', async () => {
    await openTask('run-aws');
    const credential = await ask('run-aws');
    expect(credential).toMatchObject({
      issued_token_type: 'urn:mayfly:token-type:aws',
      token_type: 'N_A',
      scope: 'read',
      revocation: 'eventual',
    });
    const s3 = clientFor(credential.access_token);
    expect(await read(s3, BUCKET, 'a/1')).toBe('one');
    expect(await read(s3, BUCKET, 'b/1')).toBe(403);

    const begun = Date.now();
    expect((await broker.complete('run-aws')).status).toBe(200);
    await until('it is refused', async () => (await read(s3, BUCKET, 'a/1')) === 403);
    expect(Date.now() - begun).toBeLessThan(2000);
    const accepted = await until('IAM has taken it', async () => {
      const seen = await leaseOf(credential.lease_id);
      return seen.accepted_at === undefined ? undefined : seen;
    });
    expect(accepted.confirmed_at).toBeUndefined();
    expect(accepted.state).toBe('revoking');
    const lease = await until('the lease is revoked', async () => {
      const seen = await leaseOf(credential.lease_id);
      return seen.state === 'revoked' ? seen : undefined;
    });
    expect(Date.parse(lease.confirmed_at!) - Date.parse(lease.accepted_at!)).toBeGreaterThanOrEqual(1000);

    const { text } = await broker.get('/v1/tasks/run-aws/receipt', 'operator');
    const keys = (await broker.get<{ keys: never[] }>('/jwks/receipts', 'operator')).body;
    const receipt = verifyReceipt(text, { issuer: broker.url, keys });
    expect(receipt?.credentials).toEqual([
      expect.objectContaining({
        kind: 'aws-sts',
        revocation: 'eventual',
        accepted_at: lease.accepted_at,
        confirmed_at: lease.confirmed_at,
        survives: ['caller_identity', 'begun_work', 'service_tokens', 'written_data'],
      }),
    ]);
    const { secret_access_key: secret } = JSON.parse(credential.access_token) as AwsCredential;
    const seen = `${broker.log.join('')}${broker.bytesAtRest().toString('latin1')}`;
    expect(seen).not.toContain(secret);
    expect(seen).not.toContain(ceph.broker.secretAccessKey);
  });

  test('whose role has no room to name it ends with all others of the role, and their leases say so', async () => {
    await ceph.fill('tight');
    await openTask('run-tight');
    await openTask('run-beside');
    const killed: { access_token: string }[] = [];
    for (let more = 0; more < 6; more++) killed.push(await ask('run-tight', { audience: 'tight' }));
    const beside = await ask('run-beside', { audience: 'tight' });
    const others = await ask('run-beside');
    await broker.complete('run-tight');
    const ended = await until('the other session ended, too', async () => {
      const { ended: end } = await leaseOf(beside.lease_id);
      return end;
    });
    expect(ended).toMatchObject({ cause: 'lease', reason: 'cut_off' });
    await until('all are refused', async () => {
      const seen = [...killed, beside].map(({ access_token: token }) =>
        read(clientFor(token), BUCKET, 'a/1'),
      );
      return (await Promise.all(seen)).every((one) => one === 403);
    });
    expect(await read(clientFor(others.access_token), BUCKET, 'a/1')).toBe('one');
    expect(broker.log.join('')).toContain('sessions that nobody had killed');
    await broker.complete('run-beside');
  });

  test('of five seconds is refused after five, although nobody completes the task', async () => {
    await openTask('run-short');
    const credential = await ask('run-short', { audience: 'brief' });
    const { expiration } = JSON.parse(credential.access_token) as AwsCredential;
    const s3 = clientFor(credential.access_token);
    expect(await read(s3, BUCKET, 'a/1')).toBe('one');
    let aliveAt = 0;
    await until('it is refused', async () => {
      const asked = Date.now();
      if ((await read(s3, BUCKET, 'a/1')) === 403) return true;
      aliveAt = asked;
      return false;
    });
    expect(aliveAt).toBeLessThan(Date.parse(expiration));
    await broker.complete('run-short');
  });

  test('is killed where it was made although a reload took the tool away; and what no policy can say is refused', async () => {
    await openTask('run-reloaded');
    const strange = await broker.exchange('agent-1', {
      task_id: 'run-reloaded',
      audience: 'reports',
      authorization_details: JSON.stringify([
        { type: 'mayfly_tool', actions: ['read'], resources: ['a/${x}'] },
      ]),
    });
    expect([strange.status, strange.body.error]).toEqual([400, 'invalid_authorization_details']);
    const credential = await ask('run-reloaded');
    const s3 = clientFor(credential.access_token);
    expect(await read(s3, BUCKET, 'a/1')).toBe('one');
    broker.configure({ tools: { crm: CRM, search: SEARCH } });
    expect(await broker.live.reload()).toMatchObject({ swapped: true });
    await broker.complete('run-reloaded');
    await until('it is refused', async () => (await read(s3, BUCKET, 'a/1')) === 403);
    broker.configure({ tools });
    expect(await broker.live.reload()).toMatchObject({ swapped: true });
    await openTask('run-again');
    expect(await read(clientFor((await ask('run-again')).access_token), BUCKET, 'a/1')).toBe('one');
  });
});
