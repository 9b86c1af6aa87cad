// The aws-sts minter keeps the contract of external minters, on a real STS and IAM with something in between.
import { describe } from '@jest/globals';
import { systemClock } from '../../../src/domain/clock.js';
import type { Grant } from '../../../src/domain/grant.js';
import { AUTHORIZATION_DETAIL_TYPE } from '../../../src/domain/grant.js';
import type { PrincipalName, RequestId, TaskId } from '../../../src/domain/ids.js';
import { chance, leaseId } from '../../../src/domain/ids.js';
import { Secret } from '../../../src/domain/secret.js';
import type { Tool } from '../../../src/domain/tool.js';
import { Catalogue } from '../../../src/domain/tool.js';
import { Accounts, openAccount } from '../../../src/minters/aws-sts/accounts.js';
import type { AwsCredential } from '../../../src/minters/aws-sts/aws-sts-minter.js';
import { AwsStsMinter } from '../../../src/minters/aws-sts/aws-sts-minter.js';
import { describeMinter, type MinterScene } from '../../contract/minter.js';
import type { AwsKeys } from '../../fixtures/ceph.js';
import { Ceph, hasCeph, read, REGION } from '../../fixtures/ceph.js';
import { DenyMemory } from '../../fixtures/deny-memory.js';
import { Relay } from '../../fixtures/relay.js';
import { sessionsIn } from '../../fixtures/sessions-heard.js';

const BUCKET = 'reports';
const TIMEOUT_MS = 2000;
const clock = systemClock();

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function open(): Promise<MinterScene> {
  const ceph = await Ceph.start();
  await ceph.bucket(BUCKET, { 'a/1': 'one' });
  const role = await ceph.role('reader', [BUCKET]);
  const relay = await Relay.start(ceph.endpoint);
  const direct = relay.target;
  const heard = new Map<string, AwsKeys[]>();
  relay.heard = (piece) => {
    for (const { name, keys } of sessionsIn(piece)) heard.set(name, [...(heard.get(name) ?? []), keys]);
  };
  const tool: Tool = {
    name: 'reports',
    plane: 'cloud',
    audience: 'https://reports.example',
    actions: ['read'],
    sensitivity: 'internal',
    maxTtlMs: 3_600_000,
    renewable: false,
    credential: {
      kind: 'aws-sts',
      region: REGION,
      endpoint: relay.url,
      keys: {
        accessKeyId: ceph.broker.accessKeyId,
        secretAccessKey: new Secret(ceph.broker.secretAccessKey),
      },
      roles: [role.arn],
      sessionsPerRole: 80,
      supports: { sourceIdentity: false, tags: false },
      inForceAfterMs: 0,
      template: {
        actions: {
          read: [{ actions: ['s3:GetObject'], resources: [`arn:aws:s3:::${BUCKET}/{{resource}}`] }],
        },
      },
    },
  };
  const store = new DenyMemory(clock);
  const terms = { store, clock, pause, onCutOff: () => {}, iamTimeoutMs: TIMEOUT_MS };
  const accounts = new Accounts(openAccount(terms));
  accounts.apply(new Catalogue([tool]));
  const log = { warn: () => {} };
  const minter = new AwsStsMinter({ accounts, store, clock, log, callTimeoutMs: TIMEOUT_MS });
  const canRead = async (keys: AwsKeys): Promise<boolean> => {
    const s3 = ceph.s3(keys);
    const outcome = await read(s3, BUCKET, 'a/1');
    s3.destroy();
    return outcome === 'one';
  };
  const grantOn = (resources: string[]): Grant =>
    ({
      tool,
      actions: ['read'],
      details: [{ type: AUTHORIZATION_DETAIL_TYPE, actions: ['read'], resources }],
      ttlMs: 600_000,
      policyDigest: '',
    }) as object as Grant;
  return {
    minter,
    grant: grantOn(['a/*']),
    impossible: grantOn(['a?']),
    secrets: [ceph.broker.secretAccessKey],
    lease: () => {
      const now = clock.now();
      return {
        id: leaseId(now, 0, chance()),
        taskId: 'run-42' as TaskId,
        agent: 'cluster/agent-1' as PrincipalName,
        actors: [],
        trust: 'cluster',
        tool: 'reports',
        plane: 'cloud',
        kind: 'aws-sts',
        audience: 'https://reports.example',
        actions: ['read'],
        policyDigest: '',
        requestId: 'req_1' as RequestId,
        issuedAt: now,
        expiresAt: Math.floor((now + 600_000) / 1000) * 1000,
        state: 'reserved',
      };
    },
    // STS lists nothing: what it gave is what it said on the way, whether that arrived or not.
    exists: async (id) => {
      const alive = await Promise.all((heard.get(id) ?? []).map(canRead));
      return alive.includes(true);
    },
    opens: (minted) => {
      const credential = JSON.parse(minted.secret.reveal()) as AwsCredential;
      return canRead({
        accessKeyId: credential.access_key_id,
        secretAccessKey: credential.secret_access_key,
        sessionToken: credential.session_token,
      });
    },
    goDown: () => {
      // Nothing listens there.
      relay.target = new URL('http://127.0.0.1:1');
      relay.cut();
    },
    fallSilent: () => relay.hold(),
    breakAt: (step, when) => {
      let said = 0;
      relay.holdsFrom = () => {
        if (++said !== step) return false;
        if (when === 'unsaid') relay.cut();
        else relay.cutAfter(0);
        return false;
      };
    },
    recover: () => {
      relay.holdsFrom = undefined;
      relay.target = direct;
      relay.release();
      relay.cut();
    },
    close: async () => {
      await minter.close();
      await relay.close();
      await ceph.close();
    },
  };
}

(hasCeph ? describe : describe.skip)('on a real STS', () => describeMinter('aws-sts', open));
