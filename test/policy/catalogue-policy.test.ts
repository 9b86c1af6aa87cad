// The catalogue as a policy: what is not in it is denied, whoever asks and whatever a manifest holds.
import { expect, test } from '@jest/globals';
import { Catalogue } from '../../src/domain/tool.js';
import type { Tool } from '../../src/domain/tool.js';
import { cataloguePolicy } from '../../src/policy/catalogue-policy.js';
import type { DecisionInput } from '../../src/policy/policy.js';

const CRM: Tool = {
  name: 'crm',
  plane: 'data',
  audience: 'https://crm.example',
  actions: ['read', 'write'],
  sensitivity: 'internal',
  maxTtlMs: 300_000,
  renewable: true,
  credential: { kind: 'jwt' },
};
const policy = cataloguePolicy(new Catalogue([CRM]), 'digest');

const opening = (tools: object[]): DecisionInput =>
  ({
    action: 'open_task',
    principal: {},
    task: {},
    manifest: { agents: ['*'], tools },
    ttlMs: 1,
    now: 0,
  }) as unknown as DecisionInput;
const asking = (action: string, tool: Tool, actions: string[]): DecisionInput =>
  ({ action, principal: {}, task: {}, tool, actions, details: [], now: 0 }) as unknown as DecisionInput;

test.each<[what: string, effect: string, input: DecisionInput]>([
  ['a task for a tool of it', 'permit', opening([{ tool: 'crm', actions: ['read'] }])],
  ['a task for another tool', 'deny', opening([{ tool: 'none', actions: ['read'] }])],
  [
    'a task for another tool beside one of it',
    'deny',
    opening([
      { tool: 'crm', actions: ['read'] },
      { tool: 'none', actions: ['read'] },
    ]),
  ],
  ['a task for another action', 'deny', opening([{ tool: 'crm', actions: ['read', 'fly'] }])],
  ['an exchange', 'permit', asking('exchange', CRM, ['read', 'write'])],
  ['an exchange of another action', 'deny', asking('exchange', CRM, ['read', 'fly'])],
  ['a renewal', 'permit', asking('renew', CRM, ['read'])],
  ['a tool that has left it', 'deny', asking('renew', { ...CRM, name: 'gone' }, ['read'])],
])('%s: %s, with the digest of what decided', (_what, effect, input) => {
  expect(policy.decide(input)).toMatchObject({
    effect,
    policyDigest: 'digest',
    determining: [expect.any(String)],
  });
});
