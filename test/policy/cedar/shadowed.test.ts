// Policies that change nothing beside others are found, each once; what its conditions may tell apart is left alone.
import { expect, test } from '@jest/globals';
import { shadowed } from '../../../src/policy/cedar/shadowed.js';
import { policiesOf } from './policies.js';

const found = async (text: string): Promise<string[]> =>
  shadowed((await policiesOf(text)).set.policies).map(({ line, message }) => `${line}: ${message}`);

const ALL = '(principal, action, resource)';
const CRM = '(principal, action, resource == Tool::"crm")';
const EXCHANGE = '(principal is Agent, action == Action::"exchange", resource == Tool::"crm")';
const IF = 'when { context.ttl > 3 }';

const FOUND: readonly [what: string, lines: readonly string[], told: string][] = [
  [
    'a permit that a forbid covers',
    [`@id("no")forbid ${CRM};`, `permit ${EXCHANGE} ${IF};`],
    '2: this never permits anything: no (p.cedar:1) forbids all of it',
  ],
  [
    'a permit of whom a forbid is about',
    [
      '@id("no")forbid (principal is Agent, action, resource);',
      `permit (principal == Agent::"a/b", action == Action::"renew", resource);`,
    ],
    '2: this never permits anything: no (p.cedar:1) forbids all of it',
  ],
  [
    'agents, where only they exchange',
    [
      '@id("no")forbid (principal is Agent, action, resource);',
      'permit (principal, action == Action::"exchange", resource);',
    ],
    '2: this never permits anything: no (p.cedar:1) forbids all of it',
  ],
  [
    'a permit that a wider one covers',
    [`permit ${EXCHANGE} ${IF};`, `@id("all")permit ${CRM};`],
    '1: this changes nothing: all (p.cedar:2) permits all of it already',
  ],
  [
    'a permit that seems to do without what a wider one obliges to',
    [`permit ${EXCHANGE} ${IF};`, `@id("all")@require_dpop permit ${CRM};`],
    '1: this changes nothing: all (p.cedar:2) permits all of it already',
  ],
  [
    'a forbid that a wider one covers',
    [`@id("all")forbid ${ALL};`, `forbid ${CRM} ${IF};`],
    '2: this changes nothing: all (p.cedar:1) forbids all of it already',
  ],
  [
    'the same twice',
    [`@id("one")permit ${CRM} ${IF};`, `permit (principal, action, resource in Tool::"crm") ${IF};`],
    '2: this has the scope and the conditions of one (p.cedar:1): one of them is enough',
  ],
  [
    'the same twice without conditions, of which one is to stay',
    [`@id("one")permit ${CRM};`, `permit ${CRM};`],
    '2: this has the scope and the conditions of one (p.cedar:1): one of them is enough',
  ],
  [
    'the same with other obligations',
    [`@id("one")@max_ttl("5s")permit ${CRM} ${IF};`, `permit ${CRM} ${IF};`],
    '2: this has the scope and the conditions of one (p.cedar:1): of what both oblige to the strictest holds, so write one',
  ],
];
test.each(FOUND)('%s', async (_what, lines, told) => {
  expect(await found(lines.join('\n'))).toEqual([told]);
});

const APART: readonly [what: string, ...lines: string[]][] = [
  ['a forbid with a condition', `forbid ${CRM} ${IF};`, `permit ${CRM};`],
  ['a narrower forbid', `forbid ${EXCHANGE};`, `permit ${CRM};`],
  ['another tool', `forbid ${CRM};`, 'permit (principal, action, resource == Tool::"search");'],
  ['other obligations', `@max_ttl("5s")permit ${EXCHANGE};`, `@max_ttl("9s")permit ${CRM};`],
  ['orchestrators', '@id("a")forbid (principal is Agent, action, resource);', `permit ${CRM};`],
  ['a wider permit with a condition', `permit ${CRM} ${IF};`, `permit ${EXCHANGE};`],
];
test.each(APART)('nothing is said of %s', async (_what, ...lines) => {
  expect(await found(lines.join('\n'))).toEqual([]);
});
