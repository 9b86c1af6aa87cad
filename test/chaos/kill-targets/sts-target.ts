// STS, IAM and S3 as a target of the campaign of kills. Nobody lists sessions: those that are counted were overheard, with their keys.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LeaseId } from '../../../src/domain/ids.js';
import { isLeaseId } from '../../../src/domain/ids.js';
import type { AwsKeys } from '../../fixtures/ceph.js';
import { Ceph, REGION, read } from '../../fixtures/ceph.js';
import { crew } from '../../fixtures/crew.js';
import { Gate } from '../../fixtures/gate/gate.js';
import { HTTP } from '../../fixtures/gate/messages.js';
import { sessionsIn } from '../../fixtures/sessions-heard.js';
import type { Said, Target } from './target.js';

const BUCKET = 'reports';
const OBJECT = 'letter';
/** A session has its place at a role until it would have run out: enough roles for all that a campaign mints. */
const ROLES = 40;
const HANDS = 8;
const SOME = 20;

const SAYINGS: readonly Said[] = [
  { during: 'mint', name: 'AssumeRole', at: /Action=AssumeRole&/ },
  { during: 'kill', name: 'GetRole', at: /Action=GetRole&/ },
  { during: 'kill', name: 'GetRolePolicy', at: /Action=GetRolePolicy&/ },
  { during: 'kill', name: 'PutRolePolicy', at: /Action=PutRolePolicy&/ },
  {
    during: 'kill',
    name: 'GetRolePolicy, to read it back',
    at: /Action=GetRolePolicy&/,
    among: /Action=PutRolePolicy&/,
  },
];

const FORBIDDEN = 403;

export async function stsTarget(): Promise<Target> {
  const ceph = await Ceph.start();
  await ceph.bucket(BUCKET, { [OBJECT]: 'Dear Ada' });
  const roles = await Promise.all(
    Array.from({ length: ROLES }, async (_, index) => (await ceph.role(`mayfly-${index}`, [BUCKET])).arn),
  );
  const secretFile = join(ceph.folder, 'broker-secret');
  writeFileSync(secretFile, ceph.broker.secretAccessKey);
  const heard = new Map<LeaseId, AwsKeys>();
  const refused = new Set<LeaseId>();
  const gate = await Gate.open({
    port: Number(new URL(ceph.endpoint).port),
    protocol: HTTP,
    heard: (answer) => {
      for (const { name, keys } of sessionsIn(answer)) if (isLeaseId(name)) heard.set(name, keys);
    },
  });
  const reads = async (keys: AwsKeys): Promise<boolean> => {
    const s3 = ceph.s3(keys);
    try {
      const seen = await read(s3, BUCKET, OBJECT);
      if (typeof seen === 'number' && seen !== FORBIDDEN) throw new Error(`S3 answered ${seen}`);
      return typeof seen === 'string';
    } finally {
      s3.destroy();
    }
  };
  return {
    tool: {
      plane: 'cloud',
      audience: 'https://target.example',
      actions: ['read'],
      max_ttl: '1h',
      credential: {
        kind: 'aws-sts',
        region: REGION,
        endpoint: `http://127.0.0.1:${gate.port}`,
        roles,
        access_key_id: ceph.broker.accessKeyId,
        secret_access_key_file: secretFile,
        source_identity: false,
        session_tags: false,
        in_force_after: '0s',
        actions: { read: [{ actions: ['s3:GetObject'], resources: [`arn:aws:s3:::${BUCKET}/*`] }] },
      },
    },
    gate,
    sayings: SAYINGS,
    alive: async (thoroughly) => {
      const alive = new Set<LeaseId>();
      // Of those that were refused once, some are tried again each time, and all of them when it is meant to be the last word.
      const old = thoroughly ? [...refused] : [...refused].slice(-SOME);
      const asked = new Set([...[...heard.keys()].filter((id) => !refused.has(id)), ...old]);
      await crew(HANDS, asked, async (id) => {
        if (await reads(heard.get(id)!)) alive.add(id);
        else refused.add(id);
      });
      return alive;
    },
    remains: () => Promise.resolve([]),
    opens: (credential) => {
      const keys = JSON.parse(credential) as Record<string, string>;
      return reads({
        accessKeyId: keys['access_key_id']!,
        secretAccessKey: keys['secret_access_key']!,
        sessionToken: keys['session_token']!,
      });
    },
    close: async () => {
      await gate.close();
      await ceph.close();
    },
  };
}
