// The deny list when IAM is as AWS's is: encoded answers, pages, late reads, refusals, and answers that never come.
import { beforeEach, describe, expect, test } from '@jest/globals';
import type { IAMClient } from '@aws-sdk/client-iam';
import type { AwsFault } from '../../../src/minters/aws-sts/aws-fault.js';
import { faultOf } from '../../../src/minters/aws-sts/aws-fault.js';
import { DenyList } from '../../../src/minters/aws-sts/deny-list.js';
import { documentsOf } from '../../../src/minters/aws-sts/deny-document.js';
import { RolePolicies } from '../../../src/minters/aws-sts/role-policies.js';
import { DenyMemory } from '../../fixtures/deny-memory.js';
import { httpError, IamMemory } from '../../fixtures/iam-memory.js';
import { until } from '../../fixtures/until.js';

const ROLE = 'reader';
const NOW = 1_700_000_000_000;
let now = NOW;
beforeEach(() => {
  now = NOW;
});

const after = (attempts: number, status: number): Error =>
  Object.assign(new Error('x'), { $metadata: { httpStatusCode: status, attempts } });

interface Listed {
  readonly list: DenyList;
  readonly store: DenyMemory;
  readonly waits: number[];
  readonly cutOffs: number[];
}
function listOn(iam: IamMemory, store?: DenyMemory): Listed {
  const clock = { now: () => now };
  const kept = store ?? new DenyMemory(clock);
  const waits: number[] = [];
  const cutOffs: number[] = [];
  const policies = new RolePolicies(iam as unknown as IAMClient, 200);
  const list = new DenyList({
    policies,
    store: kept,
    clock,
    pause: (ms) => {
      waits.push(ms);
      return new Promise((resolve) => setImmediate(resolve));
    },
    onCutOff: (_role, { before }) => void cutOffs.push(before),
  });
  return { list, store: kept, waits, cutOffs };
}
const denied = (index: number): { session: string; mintedBy: number; until: number } => ({
  session: `lease_${String(index).padStart(28, '0')}`,
  mintedBy: NOW,
  until: NOW + 600_000,
});
const namedAt = (iam: IamMemory): number =>
  new Set(
    documentsOf([...iam.policies].map(([name, text]) => ({ name, text }))).ours.flatMap(({ entries }) => [
      ...entries,
    ]),
  ).size;

describe('A deny list', () => {
  test('reads what AWS writes percent-encoded and in pages, and counts what others have there', async () => {
    const iam = new IamMemory();
    iam.policies.set('permissions', '{ "Version": "2012-10-17" }');
    iam.policies.set('zeta', '{}');
    const { list } = listOn(iam);
    for (let index = 0; index < 5; index++) await list.kill(ROLE, denied(index));
    await list.tidy(ROLE);
    expect([...iam.policies.keys()].filter((name) => name.startsWith('mayfly'))).toHaveLength(1);
    expect(namedAt(iam)).toBe(5);
    expect(iam.policies.has('permissions') && iam.policies.has('zeta')).toBe(true);
  });

  test('puts all that come during a write into the next one', async () => {
    const iam = new IamMemory();
    let open: (() => void) | undefined;
    iam.before = (call) =>
      call === 'PutRolePolicy' && !open ? new Promise((resolve) => (open = resolve)) : Promise.resolve();
    const { list } = listOn(iam);
    const first = list.kill(ROLE, denied(0));
    await until('the first is being written', () => open);
    const others = Array.from({ length: 40 }, (_, index) => list.kill(ROLE, denied(1 + index)));
    open!();
    await Promise.all([first, ...others]);
    expect(iam.calls.filter((call) => call === 'PutRolePolicy')).toHaveLength(2);
    expect(namedAt(iam)).toBe(41);
  });

  test('is not done before IAM gives back what was put, and asks again for a while', async () => {
    const iam = new IamMemory();
    let reads = 0;
    iam.before = (call) => {
      if (call === 'GetRolePolicy' && ++reads < 3)
        return Promise.reject(httpError(404, 'NoSuchEntityException'));
      return Promise.resolve();
    };
    const { list, waits } = listOn(iam);
    await list.kill(ROLE, denied(0));
    expect(reads).toBe(3);
    expect(waits).toEqual([50, 200]);
    iam.before = (call) =>
      call === 'GetRolePolicy' ? Promise.reject(httpError(404, 'NoSuchEntityException')) : Promise.resolve();
    await expect(list.kill(ROLE, denied(1))).rejects.toMatchObject({ code: 'ERR_AWS_ANSWER' });
  });

  test('fails a kill whose write is refused or has no answer, remembers it, and a later write has it in', async () => {
    const iam = new IamMemory();
    const { list } = listOn(iam);
    iam.before = (call) =>
      call === 'PutRolePolicy' ? Promise.reject(httpError(503, 'ServiceUnavailable')) : Promise.resolve();
    await expect(list.kill(ROLE, denied(0))).rejects.toMatchObject({ code: 'ERR_AWS_REFUSED', status: 503 });
    iam.before = (call) => (call === 'PutRolePolicy' ? new Promise(() => {}) : Promise.resolve());
    await expect(list.kill(ROLE, denied(1))).rejects.toMatchObject({ code: 'ERR_AWS_UNREACHABLE' });
    iam.before = () => Promise.resolve();
    await list.kill(ROLE, denied(2));
    expect(namedAt(iam)).toBe(3);
  });

  test('tells whether what an earlier kill wrote was there still, and has written it again where it was not', async () => {
    const iam = new IamMemory();
    const { list } = listOn(iam);
    expect(await list.kill(ROLE, denied(0))).toEqual({ wasThere: false });
    const puts = (): number => iam.calls.filter((call) => call === 'PutRolePolicy').length;
    const before = puts();
    expect(await list.kill(ROLE, denied(0))).toEqual({ wasThere: true });
    expect(puts()).toBe(before);
    iam.policies.clear();
    expect(await list.kill(ROLE, denied(0))).toEqual({ wasThere: false });
    expect(namedAt(iam)).toBe(1);
  });

  test('counts what somebody took out of a role, once, and puts it back', async () => {
    const iam = new IamMemory();
    const { list } = listOn(iam);
    for (let index = 0; index < 3; index++) await list.kill(ROLE, denied(index));
    // IAM may give back for a moment what was there before: what came to be just now is not counted.
    iam.policies.clear();
    expect(await list.tidy(ROLE)).toBe(0);
    now += 10_000;
    expect(await list.tidy(ROLE)).toBe(0);
    iam.policies.clear();
    // A kill puts it back as well.
    await list.kill(ROLE, denied(3));
    expect(namedAt(iam)).toBe(4);
    expect(await list.tidy(ROLE)).toBe(3);
    expect(await list.tidy(ROLE)).toBe(0);
    // What ran out is taken out by nobody but us.
    now = NOW + 700_000;
    iam.policies.clear();
    expect([await list.tidy(ROLE), namedAt(iam)]).toEqual([0, 0]);
  });

  test('tells again of a cut-off whose broker may have died over what it ended, and writes it', async () => {
    const iam = new IamMemory();
    const { list, store, cutOffs } = listOn(iam);
    const claim = (await store.claim(ROLE, 1000, 0))!;
    const cutOff = { before: NOW + 60_000, until: NOW + 600_000 };
    expect(await store.raise(claim, cutOff)).toBe(true);
    await store.release(claim);
    await list.tidy(ROLE);
    expect(cutOffs).toEqual([cutOff.before]);
    expect(namedAt(iam)).toBe(1);
    await list.tidy(ROLE);
    expect(cutOffs).toHaveLength(2);
  });

  test('waits for another broker’s claim, its kill on record meanwhile', async () => {
    const iam = new IamMemory();
    const { list, store } = listOn(iam);
    const other = await store.claim(ROLE, 600_000, 0);
    const kill = list.kill(ROLE, denied(0));
    await until('it is on record', async () => (await store.read(other!))!.denied.length === 1);
    expect(iam.calls).toEqual([]);
    await store.release(other!);
    await kill;
    expect(namedAt(iam)).toBe(1);
  });

  test('writes by a claim that is its own: where that was overtaken, by another', async () => {
    const iam = new IamMemory();
    const { list, store } = listOn(iam);
    const read = store.read.bind(store);
    let overtaken = 0;
    store.read = (claim) => (overtaken++ === 0 ? Promise.resolve(undefined) : read(claim));
    await list.kill(ROLE, denied(0));
    expect([...iam.policies.keys()]).toEqual(['mayfly-deny-2']);
    expect(namedAt(iam)).toBe(1);
  });

  test('takes another id of the role where it was made anew', async () => {
    const iam = new IamMemory();
    const { list } = listOn(iam);
    await list.kill(ROLE, denied(0));
    iam.roleId = `AROA${'Y'.repeat(17)}`;
    await list.kill(ROLE, denied(1));
    expect([...iam.policies.values()].join('')).toContain(`${iam.roleId}:${denied(0).session}`);
    iam.roleId = '*';
    await expect(list.kill(ROLE, denied(2))).rejects.toMatchObject({ code: 'ERR_AWS_ANSWER' });
  });

  test('tells of a fault its status and its name, and nothing that was sent', () => {
    const fault: AwsFault = faultOf('PutRolePolicy', httpError(403, 'AccessDenied', 'key AKIA of secret'));
    expect(fault.message).toBe('PutRolePolicy: HTTP 403 (AccessDenied), request request-1');
    expect(fault.cause).toBeUndefined();
    expect(faultOf('PutRolePolicy', httpError(400, 'key AKIA', 'x')).message).not.toContain('AKIA');
    expect(faultOf('PutRolePolicy', new TypeError('secret'))).toMatchObject({ code: 'ERR_AWS_UNREACHABLE' });
    expect(faultOf('GetRole', fault)).toBe(fault);
  });

  test('knows that nothing came of a call only where it was refused at the first attempt', () => {
    expect(faultOf('AssumeRole', after(1, 403)).isFinal).toBe(true);
    for (const error of [after(2, 403), after(1, 500), new Error('aborted')])
      expect(faultOf('AssumeRole', error).isFinal).toBe(false);
  });
});
