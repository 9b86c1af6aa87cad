// A real STS, IAM and S3 for a benchmark: Ceph's gateway, a bucket, and roles for as many sessions as are wanted.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { AwsCredential } from '../../src/minters/aws-sts/aws-sts-minter.js';
import { Ceph, REGION } from '../../test/fixtures/ceph.js';
import { presigned } from '../../test/fixtures/presigned.js';

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
  // By a URL that the session has signed, judged as it is used: a client of AWS would cost those who kill as much again.
  const asked = async (accessToken: string, until: (status: number) => boolean): Promise<void> => {
    const url = presigned(ceph.endpoint, `/${BUCKET}/${KEY}`, JSON.parse(accessToken) as AwsCredential);
    for (;;) {
      const answer = await fetch(url);
      await answer.arrayBuffer();
      if (until(answer.status)) return;
      await pause(LOOK_EVERY_MS);
    }
  };
  return {
    tool: `{ plane: cloud, audience: 'https://reports.example', actions: [read], credential: { ${credential} } }`,
    async refused(accessToken) {
      await asked(accessToken, (status) => status === 403);
      return performance.now();
    },
    reads: (accessToken) =>
      asked(accessToken, (status) => {
        if (status !== 200) throw new Error(`the session reads nothing: HTTP ${status}`);
        return true;
      }),
    close: () => ceph.close(),
  };
}
