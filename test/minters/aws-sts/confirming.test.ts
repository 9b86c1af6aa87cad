// The confirmation of a kill is a kill once more: what a store has lost of it meanwhile is on record again.
import { expect, test } from '@jest/globals';
import type { IAMClient } from '@aws-sdk/client-iam';
import { chance, leaseId } from '../../../src/domain/ids.js';
import { Catalogue } from '../../../src/domain/tool.js';
import type { Killable } from '../../../src/minters/minter.js';
import { Accounts } from '../../../src/minters/aws-sts/accounts.js';
import { AwsStsMinter } from '../../../src/minters/aws-sts/aws-sts-minter.js';
import { documentsOf } from '../../../src/minters/aws-sts/deny-document.js';
import { DenyList } from '../../../src/minters/aws-sts/deny-list.js';
import { roleKey, sessionName, userId } from '../../../src/minters/aws-sts/names.js';
import { RolePolicies } from '../../../src/minters/aws-sts/role-policies.js';
import { DenyMemory } from '../../fixtures/deny-memory.js';
import { IamMemory } from '../../fixtures/iam-memory.js';

const NOW = 1_700_000_000_000;
const ROLE = 'arn:aws:iam::000000000000:role/reader';
const CLAIMS = 10;
const assumeRole = (): never => {
  throw new Error('nothing is minted here');
};

test('a store that lost what a role denies between acceptance and confirmation has it taken out by no later kill', async () => {
  const clock = { now: () => NOW };
  const iam = new IamMemory();
  const store = new DenyMemory(clock);
  const policies = new RolePolicies(iam as unknown as IAMClient, 200);
  const denyList = new DenyList({ policies, store, clock, pause: async () => {}, onCutOff: () => {} });
  const accounts = new Accounts(() => Promise.resolve({ denyList, assumeRole, close: () => {} }));
  const credential = { kind: 'aws-sts', roles: [ROLE], sessionsPerRole: 80, inForceAfterMs: 1000 };
  accounts.apply(new Catalogue([{ name: 'reports', credential } as never]));
  const minter = new AwsStsMinter({ accounts, store, clock, log: { warn: () => {} } });
  const role = roleKey({}, ROLE);
  const begun = async (): Promise<Killable> => {
    const id = leaseId(NOW, 0, chance());
    const expiresAt = NOW + 600_000;
    await store.seat({ session: sessionName(id), until: expiresAt }, [role], 80);
    return { id, tool: 'reports', issuedAt: NOW, expiresAt };
  };
  const isDenied = ({ id }: Killable): boolean =>
    documentsOf([...iam.policies].map(([name, text]) => ({ name, text }))).ours.some(({ entries }) =>
      entries.has(userId(iam.roleId, sessionName(id))),
    );

  const first = await begun();
  expect(await minter.revoke(first)).toEqual({ againMs: 1000 });
  await store.forgetDenied(role, CLAIMS);
  await store.seat({ session: sessionName(first.id), until: first.expiresAt }, [role], 80);
  expect(await minter.revoke({ ...first, acceptedAt: NOW })).toBeUndefined();
  const second = await begun();
  await minter.revoke(second);
  await denyList.tidy(role);
  expect([isDenied(first), isDenied(second)]).toEqual([true, true]);
});
