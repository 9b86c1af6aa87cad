// A real STS, IAM and S3 for a benchmark: Ceph's gateway, a bucket, and roles for as many sessions as are wanted.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Ceph, read, REGION } from '../../test/fixtures/ceph.js';

const BUCKET = 'reports';
const KEY = 'a/1';
const SESSIONS_PER_ROLE = 80;
/** Who asks without a pause measures what asking costs those who kill. */
const LOOK_EVERY_MS = 10;
/** How long it takes a Deny of IAM to be in force is the operator's to say; at Ceph it is at once. */
export const IN_FORCE_AFTER_MS = 1000;

export interface BenchSts {
  /** The tool `reports` as the file writes it. */
  readonly tool: string;
  /** Resolves, of `performance.now`, when a read by the credential is refused. */
  refused(accessToken: string): Promise<number>;
  /** @throws Error where the credential does not read what it is for */
  reads(accessToken: string): Promise<void>;
  close(): Promise<void>;
}

export async function startSts(folder: string, sessions: number): Promise<BenchSts> {
  const ceph = await Ceph.start();
  await ceph.bucket(BUCKET, { [KEY]: 'one' });
  const roles: string[] = [];
  while (roles.length * SESSIONS_PER_ROLE < sessions)
    roles.push((await ceph.role(`bench-${roles.length}`, [BUCKET])).arn);
  const secret = path.join(folder, 'aws-secret');
  writeFileSync(secret, ceph.broker.secretAccessKey);
  const credential = [
    `kind: aws-sts, region: ${REGION}, endpoint: '${ceph.endpoint}', roles: [${roles.map((arn) => `'${arn}'`).join(', ')}]`,
    `access_key_id: ${ceph.broker.accessKeyId}, secret_access_key_file: ${secret}`,
    `source_identity: false, session_tags: false, in_force_after: ${IN_FORCE_AFTER_MS / 1000}s`,
    `actions: { read: [{ actions: ['s3:GetObject'], resources: ['arn:aws:s3:::${BUCKET}/{{resource}}'] }] }`,
  ].join(', ');
  const asked = async (accessToken: string, until: (outcome: string | number) => boolean): Promise<void> => {
    const {
      access_key_id: key,
      secret_access_key: hidden,
      session_token: token,
    } = JSON.parse(accessToken) as Record<'access_key_id' | 'secret_access_key' | 'session_token', string>;
    const s3 = ceph.s3({ accessKeyId: key, secretAccessKey: hidden, sessionToken: token });
    while (!until(await read(s3, BUCKET, KEY))) await pause(LOOK_EVERY_MS);
    s3.destroy();
  };
  return {
    tool: `{ plane: cloud, audience: 'https://reports.example', actions: [read], credential: { ${credential} } }`,
    async refused(accessToken) {
      await asked(accessToken, (outcome) => outcome === 403);
      return performance.now();
    },
    reads: (accessToken) =>
      asked(accessToken, (outcome) => {
        if (outcome !== 'one') throw new Error(`the session reads nothing: ${outcome}`);
        return true;
      }),
    close: () => ceph.close(),
  };
}
