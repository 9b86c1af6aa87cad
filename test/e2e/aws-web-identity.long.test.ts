// The broker as a web identity at a real STS: it has no key for that, and its sessions read what was granted until they are killed.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import type { JsonWebKey } from 'node:crypto';
import { createPublicKey, X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import {
  CreateOpenIDConnectProviderCommand,
  CreateRoleCommand,
  PutRolePolicyCommand,
} from '@aws-sdk/client-iam';
import type { S3Client } from '@aws-sdk/client-s3';
import type { AwsCredential } from '../../src/minters/aws-sts/aws-sts-minter.js';
import { TestBroker } from '../fixtures/broker.js';
import { CRM, SEARCH } from '../fixtures/broker-configuration.js';
import { Ceph, hasCeph, read, REGION } from '../fixtures/ceph.js';
import { until } from '../fixtures/until.js';

const BUCKET = 'reports';
const AUDIENCE = 'sts.amazonaws.com';
const isAbsent = (process.env['MAYFLY_TEST_ABSENT'] ?? '').split(',').includes('openssl');
const hasOpenssl = !isAbsent && spawnSync('openssl', ['version'], { stdio: 'ignore' }).status === 0;

let ceph: Ceph;
let broker: TestBroker;
let front: Server;
/** DER in base64. */
let certificate: string;
const s3s: S3Client[] = [];

const fileAt = (name: string): string => join(ceph.folder, name);

function openssl(command: string): void {
  const { status, stderr } = spawnSync('openssl', command.split(' '), { cwd: ceph.folder, encoding: 'utf8' });
  if (status !== 0) throw new Error(`openssl ${command}: ${stderr}`);
}

/** Ceph takes no key that is in no certificate; AWS asks for none. It says nothing but that the key is a key. */
function certificateOf(jwk: JsonWebKey): string {
  const publicKey = createPublicKey({ key: jwk, format: 'jwk' });
  writeFileSync(fileAt('public.pem'), publicKey.export({ type: 'spki', format: 'pem' }));
  openssl('req -newkey rsa:2048 -nodes -keyout other.pem -subj /CN=mayfly -out csr.pem');
  openssl('x509 -req -in csr.pem -signkey other.pem -force_pubkey public.pem -days 2 -out certificate.pem');
  return new X509Certificate(readFileSync(fileAt('certificate.pem'))).raw.toString('base64');
}

/** Where the broker's issuer is: puts the certificate beside the key. */
async function answerInFront({ url = '' }: IncomingMessage, response: ServerResponse): Promise<void> {
  const { status, body } = await broker.call<{ keys?: JsonWebKey[] }>('GET', url);
  const keys = body.keys?.map((key) => ({ ...key, x5c: [certificate] }));
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ ...body, ...(keys && { keys }) }));
}

const allowing = (members: object): string =>
  JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', ...members }] });

beforeAll(async () => {
  if (!hasCeph || !hasOpenssl) return;
  ceph = await Ceph.start();
  await ceph.bucket(BUCKET, { 'a/1': 'one', 'b/1': 'other' });
  front = createServer((request, response) => void answerInFront(request, response));
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(front.address() as AddressInfo).port}`;
  const secret = join(ceph.folder, 'broker-secret');
  writeFileSync(secret, ceph.broker.secretAccessKey);
  const credential = {
    kind: 'aws-sts',
    region: REGION,
    endpoint: ceph.endpoint,
    roles: ['arn:aws:iam:::role/reader'],
    web_identity: true,
    access_key_id: ceph.broker.accessKeyId,
    secret_access_key_file: secret,
    source_identity: false,
    session_tags: false,
    in_force_after: '1s',
    actions: { read: [{ actions: ['s3:GetObject'], resources: [`arn:aws:s3:::${BUCKET}/{{resource}}`] }] },
  };
  const reports = { plane: 'cloud', audience: 'https://reports.example', actions: ['read'], credential };
  broker = await TestBroker.start({ terms: { issuer, tools: { crm: CRM, search: SEARCH, reports } } });
  const [key] = (await broker.call<{ keys: JsonWebKey[] }>('GET', '/aws/jwks')).body.keys;
  certificate = certificateOf(key!);
  await trustBroker(`${issuer}/aws`);
}, 90_000);
afterAll(async () => {
  for (const s3 of s3s) s3.destroy();
  await broker?.stop();
  front?.closeAllConnections();
  front?.close();
  await ceph?.close();
});

/** As docs/aws.md says: a provider, and a role that nobody but it may assume. */
async function trustBroker(issuer: string): Promise<void> {
  const iam = ceph.iam();
  const provider = issuer.replace(/^https?:\/\//, '');
  const fingerprint = new X509Certificate(Buffer.from(certificate, 'base64')).fingerprint.replaceAll(':', '');
  await iam.send(
    new CreateOpenIDConnectProviderCommand({
      Url: issuer,
      ClientIDList: [AUDIENCE],
      ThumbprintList: [fingerprint],
    }),
  );
  const trust = allowing({
    Principal: { Federated: [`arn:aws:iam:::oidc-provider/${provider}`] },
    Action: ['sts:AssumeRoleWithWebIdentity'],
    Condition: { StringEquals: { [`${provider}:app_id`]: AUDIENCE } },
  });
  await iam.send(new CreateRoleCommand({ RoleName: 'reader', AssumeRolePolicyDocument: trust }));
  const document = allowing({ Action: ['s3:*'], Resource: [`arn:aws:s3:::${BUCKET}/*`] });
  await iam.send(
    new PutRolePolicyCommand({ RoleName: 'reader', PolicyName: 'permissions', PolicyDocument: document }),
  );
  iam.destroy();
}

(hasCeph && hasOpenssl ? describe : describe.skip)('a session by web identity', () => {
  test('reads what was granted alone, and is refused once its task is complete', async () => {
    await broker.openTask({
      id: 'run-1',
      tools: [{ tool: 'reports', actions: ['read'], resources: ['a/*'] }],
    });
    const { access_token: text } = await broker.credential('agent-1', {
      task_id: 'run-1',
      audience: 'reports',
    });
    const issued = JSON.parse(text) as AwsCredential;
    const s3 = ceph.s3({
      accessKeyId: issued.access_key_id,
      secretAccessKey: issued.secret_access_key,
      sessionToken: issued.session_token,
    });
    s3s.push(s3);
    expect(await read(s3, BUCKET, 'a/1')).toBe('one');
    expect(await read(s3, BUCKET, 'b/1')).toBe(403);
    await broker.complete('run-1');
    await until('it is refused', async () => (await read(s3, BUCKET, 'a/1')) === 403);
  });
});
