// Sessions of a real STS and IAM: a credential reads what was granted and no more, and is dead when we say that it is.
import { EventEmitter, once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import { presigned } from '../../fixtures/presigned.js';
import type { IAMClient } from '@aws-sdk/client-iam';
import { PutRolePolicyCommand } from '@aws-sdk/client-iam';
import type { S3Client } from '@aws-sdk/client-s3';
import { systemClock } from '../../../src/domain/clock.js';
import type { Grant } from '../../../src/domain/grant.js';
import { AUTHORIZATION_DETAIL_TYPE } from '../../../src/domain/grant.js';
import type { LeaseId, PrincipalName, RequestId, TaskId } from '../../../src/domain/ids.js';
import { chance, leaseId } from '../../../src/domain/ids.js';
import type { ReservedLease } from '../../../src/domain/lease.js';
import { Secret } from '../../../src/domain/secret.js';
import type { AwsFault } from '../../../src/minters/aws-sts/aws-fault.js';
import type { AwsCredential } from '../../../src/minters/aws-sts/aws-sts-minter.js';
import { AwsStsMinter } from '../../../src/minters/aws-sts/aws-sts-minter.js';
import { AwsAccount } from '../../../src/minters/aws-sts/account.js';
import type { Account } from '../../../src/minters/aws-sts/accounts.js';
import { Accounts } from '../../../src/minters/aws-sts/accounts.js';
import type { Tool } from '../../../src/domain/tool.js';
import { Catalogue } from '../../../src/domain/tool.js';
import type { DenyListTerms } from '../../../src/minters/aws-sts/deny-list.js';
import { DenyList } from '../../../src/minters/aws-sts/deny-list.js';
import { documentsOf, documentText, entriesOf } from '../../../src/minters/aws-sts/deny-document.js';
import { RolePolicies } from '../../../src/minters/aws-sts/role-policies.js';
import type { CephRole } from '../../fixtures/ceph.js';
import { Ceph, hasCeph, read, REGION } from '../../fixtures/ceph.js';
import { DenyMemory } from '../../fixtures/deny-memory.js';
import { until } from '../../fixtures/until.js';

const BUCKET = 'reports';
const TIMEOUT_MS = 5000;
const clock = systemClock();
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

let ceph: Ceph;
let account: AwsAccount;
let iam: IAMClient;
const s3s: S3Client[] = [];
let roles = 0;

/** One broker, as far as AWS is concerned. */
interface Broker {
  readonly store: DenyMemory;
  readonly policies: RolePolicies;
  readonly denyList: DenyList;
  readonly minter: AwsStsMinter;
  readonly tool: Tool;
  readonly warnings: string[];
}
interface More extends Partial<Omit<DenyListTerms, 'store'>> {
  readonly assumeRole?: Account['assumeRole'];
  readonly seats?: number;
  readonly inForceAfterMs?: number;
}
function broker(pool: readonly CephRole[], store = new DenyMemory(clock), more: More = {}): Broker {
  const { policies = new RolePolicies(iam, TIMEOUT_MS), onCutOff = () => {} } = more;
  const denyList = new DenyList({ policies, store, clock, pause, onCutOff });
  const { assumeRole = account.assumeRole.bind(account) } = more;
  const accounts = new Accounts(() => Promise.resolve({ denyList, assumeRole, close: () => {} }));
  const tool = toolOf(pool, more);
  accounts.apply(new Catalogue([tool]));
  const warnings: string[] = [];
  const log = { warn: (_facts: object, message: string) => void warnings.push(message) };
  return {
    store,
    policies,
    denyList,
    minter: new AwsStsMinter({ accounts, store, clock, log }),
    tool,
    warnings,
  };
}

const toolOf = (pool: readonly CephRole[], { seats = 80, inForceAfterMs = 0 }: More): Tool => ({
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
    endpoint: ceph.endpoint,
    roles: pool.map(({ arn }) => arn),
    sessionsPerRole: seats,
    supports: { sourceIdentity: false, tags: false },
    inForceAfterMs,
    template: {
      actions: {
        read: [
          { actions: ['s3:GetObject'], resources: [`arn:aws:s3:::${BUCKET}/{{resource}}`] },
          {
            actions: ['s3:ListBucket'],
            resources: [`arn:aws:s3:::${BUCKET}`],
            like: { 's3:prefix': ['{{resource}}'] },
          },
        ],
      },
    },
  },
});

const newRole = (): Promise<CephRole> => ceph.role(`reader-${roles++}`, [BUCKET]);

function lease(ttlMs = 600_000, id?: LeaseId): ReservedLease {
  const now = clock.now();
  return {
    id: id ?? leaseId(now, roles % 64, chance()),
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
    expiresAt: Math.floor((now + ttlMs) / 1000) * 1000,
    state: 'reserved',
  };
}
const grant = ({ tool }: Broker, resources: string[] = ['a/*']): Grant =>
  ({
    tool,
    actions: ['read'],
    details: [{ type: AUTHORIZATION_DETAIL_TYPE, actions: ['read'], resources }],
    ttlMs: 600_000,
    policyDigest: '',
  }) as object as Grant;

/** An S3 client with what the agent got. */
async function minted(by: Broker, of: ReservedLease, resources?: string[]): Promise<S3Client> {
  const { secret } = await by.minter.mint(of, grant(by, resources));
  return clientOf(JSON.parse(secret.reveal()) as AwsCredential);
}
function clientOf(credential: AwsCredential): S3Client {
  const s3 = ceph.s3({
    accessKeyId: credential.access_key_id,
    secretAccessKey: credential.secret_access_key,
    sessionToken: credential.session_token,
  });
  s3s.push(s3);
  return s3;
}
const keyOf = ({ arn }: CephRole): string => `${ceph.endpoint} ${arn}`;
const roleOf = ({ tool: { credential } }: Broker): string =>
  credential.kind === 'aws-sts' ? `${ceph.endpoint} ${credential.roles[0]!}` : '';
const works = async (s3: S3Client): Promise<boolean> => (await read(s3, BUCKET, 'a/1')) === 'one';

(hasCeph ? describe : describe.skip)('A session of AWS', () => {
  beforeAll(async () => {
    ceph = await Ceph.start();
    await ceph.bucket(BUCKET, { 'a/1': 'one', 'a/2': 'two', 'b/1': 'other' });
    iam = ceph.iam();
    const { accessKeyId, secretAccessKey } = ceph.broker;
    const keys = { accessKeyId, secretAccessKey: new Secret(secretAccessKey) };
    const none = { store: new DenyMemory(clock), clock, pause, onCutOff: () => {} };
    account = new AwsAccount({ region: REGION, endpoint: ceph.endpoint, keys }, none);
  }, 60_000);
  afterAll(async () => {
    for (const s3 of s3s) s3.destroy();
    account?.close();
    iam?.destroy();
    await ceph?.close();
  });

  test('reads what was granted and nothing else, and says when it ends', async () => {
    const by = broker([await newRole()]);
    const of = lease();
    const answer = await by.minter.mint(of, grant(by));
    expect(answer).toMatchObject({ issuedTokenType: 'urn:mayfly:token-type:aws', tokenType: 'N_A' });
    const credential = JSON.parse(answer.secret.reveal()) as AwsCredential;
    expect(Object.keys(credential).sort()).toEqual(
      ['access_key_id', 'expiration', 'region', 'secret_access_key', 'session_token'].sort(),
    );
    expect(Date.parse(credential.expiration)).toBe(of.expiresAt);
    const s3 = clientOf(credential);
    expect(await read(s3, BUCKET, 'a/1')).toBe('one');
    expect(await read(s3, BUCKET, 'b/1')).toBe(403);
    const list = (prefix: string): Promise<unknown> =>
      s3.send(new ListObjectsV2Command({ Bucket: BUCKET, Prefix: prefix }));
    expect(await list('a/')).toMatchObject({ KeyCount: 2 });
    await expect(list('')).rejects.toMatchObject({ $metadata: { httpStatusCode: 403 } });
    await expect(
      s3.send(new PutObjectCommand({ Bucket: BUCKET, Key: 'a/1', Body: 'new' })),
    ).rejects.toMatchObject({ $metadata: { httpStatusCode: 403 } });
    // That AWS denies it AssumeRole cannot be shown here: for STS's own calls, Ceph looks at no policy of the session.
    const own = ceph.iam(await s3.config.credentials());
    const document = JSON.stringify({ Version: '2012-10-17', Statement: [] });
    await expect(
      own.send(
        new PutRolePolicyCommand({ RoleName: 'reader-0', PolicyName: 'more', PolicyDocument: document }),
      ),
    ).rejects.toMatchObject({ $metadata: { httpStatusCode: 403 } });
    own.destroy();
  });

  test('of five seconds is dead after five seconds, although STS gives none below fifteen minutes', async () => {
    const of = lease(5999);
    const s3 = await minted(broker([await newRole()]), of);
    expect(await works(s3)).toBe(true);
    let aliveAt = 0;
    await until('it is refused', async () => {
      const asked = Date.now();
      if (!(await works(s3))) return true;
      aliveAt = asked;
      return false;
    });
    expect(aliveAt).toBeLessThan(of.expiresAt);
    expect(of.expiresAt - aliveAt).toBeLessThan(1500);
  });

  test('is dead when its revocation is confirmed, within two seconds, and the others live on', async () => {
    const by = broker([await newRole()]);
    const [of, other] = [lease(), lease()];
    const [s3, others] = [await minted(by, of), await minted(by, other)];
    expect(await works(s3)).toBe(true);
    const began = performance.now();
    await by.minter.revoke(of);
    expect(await works(s3)).toBe(false);
    expect(performance.now() - began).toBeLessThan(2000);
    expect(await works(others)).toBe(true);
    // Again, and of one that never was.
    await by.minter.revoke(of);
    await by.minter.revoke(lease());
    expect(await works(others)).toBe(true);
  });

  test('is accepted first, confirmed when it is denied still after a while, and denied anew where somebody undid it', async () => {
    const by = broker([await newRole()], undefined, { inForceAfterMs: 3000 });
    const of = lease();
    const s3 = await minted(by, of);
    expect(await by.minter.revoke(of)).toEqual({ againMs: 3000 });
    // As with a settlement that was lost: nobody knows since when.
    expect(await by.minter.revoke(of)).toEqual({ againMs: 3000 });
    const accepted = { ...of, acceptedAt: clock.now() };
    for (const { name } of documentsOf(await by.policies.all(roleOf(by))).ours)
      await by.policies.drop(roleOf(by), name);
    expect(await by.minter.revoke(accepted)).toEqual({ againMs: 3000 });
    expect(by.warnings).toEqual(['somebody removes the policies that deny sessions']);
    expect(await works(s3)).toBe(false);
    expect(await by.minter.revoke(accepted)).toBeUndefined();
    expect(by.warnings).toHaveLength(1);
    // Of one that has run out by itself there is nothing to wait for.
    const over = { ...lease(), expiresAt: clock.now() - 120_000 };
    await by.store.seat({ session: over.id, until: over.expiresAt }, [roleOf(by)], 80);
    expect(await by.minter.revoke(over)).toBeUndefined();
  });

  test('that comes to be after its kill is dead from the first moment', async () => {
    const gate = new EventEmitter();
    const assumeRole: Account['assumeRole'] = async (...all) => {
      gate.emit('asked');
      await once(gate, 'open');
      return account.assumeRole(...all);
    };
    const by = broker([await newRole()], undefined, { assumeRole });
    const of = lease();
    const asked = once(gate, 'asked');
    const late = minted(by, of);
    await asked;
    await by.minter.revoke(of);
    gate.emit('open');
    expect(await works(await late)).toBe(false);
  });

  test('takes what it has signed for others with it: a presigned URL is refused after the kill', async () => {
    const by = broker([await newRole()]);
    const of = lease();
    const { secret } = await by.minter.mint(of, grant(by));
    const url = presigned(ceph.endpoint, `/${BUCKET}/a/1`, JSON.parse(secret.reveal()) as AwsCredential);
    expect((await fetch(url)).status).toBe(200);
    await by.minter.revoke(of);
    expect((await fetch(url)).status).toBe(403);
  });

  test('is among forty that are killed at once: all are dead by few writes, and none is lost', async () => {
    const counted = { puts: 0 };
    const counting = new Proxy(iam, {
      get: (target, name) =>
        name === 'send'
          ? (command: object, ...more: never[]) => {
              if (command instanceof PutRolePolicyCommand) counted.puts += 1;
              return (target.send as (...all: unknown[]) => unknown)(command, ...more);
            }
          : (Reflect.get(target, name) as unknown),
    });
    const role = await newRole();
    const by = broker([role], undefined, { policies: new RolePolicies(counting, TIMEOUT_MS) });
    const leases = Array.from({ length: 40 }, () => lease());
    const sessions = await Promise.all(leases.map((of) => minted(by, of)));
    const survivor = await minted(by, lease());
    expect(await Promise.all(sessions.map(works))).not.toContain(false);
    await Promise.all(leases.map((of) => by.minter.revoke(of)));
    expect(await Promise.all(sessions.map(works))).not.toContain(true);
    expect(await works(survivor)).toBe(true);
    expect(counted.puts).toBeLessThanOrEqual(4);
  });

  test('stays dead when two brokers kill at once, each with a list of its own', async () => {
    const role = await newRole();
    const one = broker([role]);
    const two = broker([role], one.store);
    const leases = Array.from({ length: 16 }, () => lease());
    const sessions = await Promise.all(leases.map((of) => minted(one, of)));
    const killed: S3Client[] = [];
    for (let index = 0; index < leases.length; index += 4) {
      await Promise.all(
        [0, 1, 2, 3].map((at) => (at % 2 === 0 ? one : two).minter.revoke(leases[index + at]!)),
      );
      killed.push(...sessions.slice(index, index + 4));
      expect(await Promise.all(killed.map(works))).not.toContain(true);
    }
  });

  test('stays dead when a broker that slept writes what it meant to write before', async () => {
    const role = await newRole();
    const [first, second, third] = [lease(), lease(), lease()];
    let asleep = false;
    const sleep = new EventEmitter();
    /** Sleeps with a list in its hands, after it has looked whether the right to write is still its own. */
    class SleepyPolicies extends RolePolicies {
      override async put(...all: Parameters<RolePolicies['put']>): Promise<void> {
        asleep = true;
        await once(sleep, 'over');
        return super.put(...all);
      }
    }
    let now = clock.now();
    const time = { now: () => Math.max(now, clock.now()) };
    const store = new DenyMemory(time);
    const sleeper = broker([role], store, { policies: new SleepyPolicies(iam, TIMEOUT_MS) });
    const awake = broker([role], store);
    const sessions = [
      await minted(awake, first),
      await minted(awake, second),
      await minted(awake, third),
    ] as const;
    const slept = sleeper.minter.revoke(first);
    await until('it sleeps', () => asleep);
    // The claim that it has runs out.
    now += 60_000;
    await awake.minter.revoke(second);
    await awake.minter.revoke(third);
    expect(await Promise.all(sessions.map(works))).toEqual([false, false, false]);
    sleep.emit('over');
    await slept;
    expect(await Promise.all(sessions.map(works))).toEqual([false, false, false]);
    await awake.denyList.tidy(keyOf(role));
    expect(await Promise.all(sessions.map(works))).toEqual([false, false, false]);
    expect(documentsOf(await awake.policies.all(role.name)).ours).toHaveLength(1);
  });

  test('stays dead when the store was restored from before', async () => {
    const role = await newRole();
    const by = broker([role]);
    const of = lease();
    const s3 = await minted(by, of);
    await by.minter.revoke(of);
    // As everything that was on record, where the session had its seat included.
    by.store.forget();
    const homeless = { ...of, ended: { at: clock.now(), cause: 'task' as const } };
    for (const { name } of documentsOf(await by.policies.all(role.name)).ours)
      await by.policies.drop(role.name, name);
    expect(await works(s3)).toBe(true);
    await by.minter.revoke(homeless);
    expect(await works(s3)).toBe(false);
    by.store.forget();
    const next = lease();
    const other = await minted(by, next);
    await by.minter.revoke(next);
    await by.denyList.tidy(keyOf(role));
    expect([await works(s3), await works(other)]).toEqual([false, false]);
  });

  test('ends by a cut-off where there is no room to name it, and its role is closed for as long as new ones would end with it', async () => {
    const role = await newRole();
    await ceph.fill(role.name);
    const cutOffs: number[] = [];
    const by = broker([role], undefined, { onCutOff: (_role, { before }) => void cutOffs.push(before) });
    const leases = Array.from({ length: 6 }, () => lease());
    const sessions = await Promise.all(leases.map((of) => minted(by, of)));
    for (const of of leases) await by.minter.revoke(of);
    expect(await Promise.all(sessions.map(works))).not.toContain(true);
    expect(cutOffs).toHaveLength(1);
    expect(cutOffs[0]).toBeGreaterThan(clock.now());
    // Until then a session there would be dead at once.
    await expect(by.minter.mint(lease(), grant(by))).rejects.toMatchObject({ code: 'ERR_AWS_ROLES_FULL' });
  });

  test('that was issued after a cut-off works, and one from before it does not', async () => {
    const role = await newRole();
    const by = broker([role]);
    const cutOffAt = (before: number): Promise<void> => {
      const entries = entriesOf(role.id, { denied: [], cutOff: { before, until: before } });
      return by.policies.put(role.name, { name: 'mayfly-deny-1', text: documentText(1, entries) });
    };
    const s3 = await minted(by, lease());
    await cutOffAt(clock.now() - 10_000);
    expect(await works(s3)).toBe(true);
    await cutOffAt(clock.now() + 10_000);
    expect(await works(s3)).toBe(false);
  });

  test('has a place on one of the roles, and none where each has as many as it can deny', async () => {
    const pool = [await newRole(), await newRole()];
    const by = broker(pool, undefined, { seats: 2 });
    const leases = Array.from({ length: 4 }, () => lease());
    const sessions = await Promise.all(leases.map((of) => minted(by, of)));
    await expect(by.minter.mint(lease(), grant(by))).rejects.toMatchObject({ code: 'ERR_AWS_ROLES_FULL' });
    await Promise.all(leases.map((of) => by.minter.revoke(of)));
    expect(await Promise.all(sessions.map(works))).not.toContain(true);
    for (const { name } of pool)
      expect(documentsOf(await by.policies.all(name)).ours[0]?.entries.size).toBe(2);
  });

  test('can have each name that a lease may have', async () => {
    const by = broker([await newRole()]);
    const letters = '0123456789abcdefghjkmnpqrstvwxyz';
    for (const text of [letters.slice(0, 28), letters.slice(4), '0'.repeat(28), 'z'.repeat(28)]) {
      const of = lease(600_000, `lease_${text}` as LeaseId);
      const s3 = await minted(by, of);
      expect(await works(s3)).toBe(true);
      await by.minter.revoke(of);
      expect(await works(s3)).toBe(false);
    }
  });

  test('is not asked for by a grant that no policy can say, nor after its time; a fault tells no secret', async () => {
    const by = broker([await newRole()]);
    await expect(by.minter.mint(lease(), grant(by, ['a?']))).rejects.toMatchObject({ code: 'ERR_AWS_GRANT' });
    expect(by.minter.refuses(grant(by, ['a?']), lease().taskId)).toMatchObject({
      reason: 'resource_not_granted',
    });
    expect(by.minter.refuses(grant(by), lease().taskId)).toBeUndefined();
    await expect(by.minter.mint({ ...lease(), issuedAt: 0 }, grant(by))).rejects.toMatchObject({
      code: 'ERR_AWS_GRANT',
    });
    // Where nobody knows what to deny it on, it is not called dead.
    const gone = { ...lease(), tool: 'taken-away' };
    await expect(by.minter.revoke(gone)).rejects.toThrow('is not known');
    const strange = broker([{ name: 'none', id: '', arn: 'arn:aws:iam:::role/none' }]);
    const refused = lease();
    const fault = await strange.minter
      .mint(refused, grant(strange))
      .catch((error: unknown) => error as Error);
    expect(fault).toMatchObject({ code: 'ERR_AWS_REFUSED' });
    expect((fault as AwsFault).status).toBeGreaterThanOrEqual(400);
    expect(JSON.stringify(fault) + (fault as Error).stack + (fault as Error).message).not.toContain(
      ceph.broker.secretAccessKey,
    );
    expect((fault as Error).cause).toBeUndefined();
    // What was refused takes up no place, and there is nothing to kill.
    expect(await strange.store.seatOf(refused.id)).toBeUndefined();
    const ended = { at: clock.now(), cause: 'mint_unknown' as const };
    expect(await strange.minter.revoke({ ...refused, ended })).toBeUndefined();
  });
});
