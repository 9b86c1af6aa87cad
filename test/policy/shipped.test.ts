// The policies that ship, decision by decision: what they permit, what they deny, and by which of them.
import { beforeAll, describe, expect, test } from '@jest/globals';
import type { Policy } from '../../src/policy/policy.js';
import type { Situation } from './scene.js';
import { HIGH, inputOf, policyOf, shippedPolicies, told } from './scene.js';

let policy: Policy;
beforeAll(async () => {
  policy = policyOf(await shippedPolicies());
});

const NOTHING = 'deny: no policy permits';
const BROWSER = { subject: 'agent-browser-1' };
const RELEASE = { trust: 'github', claims: { environment: 'release' } };
const OPEN = { action: 'open_task', subject: 'planner' } as const;
const RENEW = { action: 'renew' } as const;
const UNTRUSTED = { signals: ['untrusted_content'] };
const READ = { signals: ['sensitive_data_read'] };

type Row = [asked: string, situation: Situation, decided: string];

const TABLE: Readonly<Record<string, readonly Row[]>> = {
  'tools apart from data': [
    ['search query', {}, 'permit: tools'],
    ['search query', RENEW, 'permit: tools'],
    ['web fetch', {}, 'permit: tools'],
    ['mail send', {}, 'permit: tools'],
    ['wiki read', {}, 'permit: data'],
    ['wiki write', {}, 'permit: data'],
    ['wiki read write', RENEW, 'permit: data'],
    ['search query', BROWSER, 'permit: tools'],
    ['web fetch', BROWSER, 'permit: tools'],
    ['wiki read', BROWSER, 'deny: browsers-no-data'],
    ['wiki read', { ...BROWSER, ...RENEW }, 'deny: browsers-no-data'],
    ['crm read', { ...BROWSER, labels: HIGH }, 'deny: browsers-no-data'],
    ['production plan', { ...BROWSER, labels: HIGH }, 'deny: browsers-no-data'],
  ],
  'low sensitivity by default, high by a label': [
    ['crm read', {}, 'deny: high-sensitivity-by-label'],
    ['crm read', RENEW, 'deny: high-sensitivity-by-label'],
    ['crm read', { labels: { sensitivity: 'low' } }, 'deny: high-sensitivity-by-label'],
    ['crm read', { labels: { Sensitivity: 'high' } }, 'deny: high-sensitivity-by-label'],
    ['crm read', { labels: HIGH }, 'permit: data'],
    ['crm read write', { labels: HIGH }, 'permit: data'],
    ['crm read', { labels: HIGH, ...RENEW }, 'permit: data'],
    ['crm read', { claims: { sensitivity: 'high' } }, 'deny: high-sensitivity-by-label'],
    ['crm read', { above: [{}], labels: HIGH }, 'deny: high-sensitivity-by-label'],
    ['crm read', { above: [HIGH], labels: {} }, 'deny: high-sensitivity-by-label'],
    ['crm read', { above: [HIGH], labels: HIGH }, 'permit: data'],
    ['crm read', { above: [HIGH, {}], labels: HIGH }, 'deny: high-sensitivity-by-label'],
    ['wiki read', { above: [{}, {}] }, 'permit: data'],
    ['payroll read', {}, 'deny: high-sensitivity-by-label'],
    ['payroll read', { labels: HIGH }, 'approval: restricted-data-by-approval'],
    ['payroll read', { labels: HIGH, ...RENEW }, `${NOTHING} payroll`],
  ],
  'untrusted content': [
    ['search query', UNTRUSTED, 'permit: tools'],
    ['web fetch', UNTRUSTED, 'deny: untrusted-content-nothing-out'],
    ['mail send', UNTRUSTED, 'deny: untrusted-content-nothing-out'],
    ['mail send', { ...UNTRUSTED, ...RENEW }, 'deny: untrusted-content-nothing-out'],
    ['wiki read', UNTRUSTED, 'permit: data'],
    ['wiki write', UNTRUSTED, 'deny: untrusted-content-nothing-out'],
    ['wiki read write', UNTRUSTED, 'deny: untrusted-content-nothing-out'],
    ['crm read', { ...UNTRUSTED, labels: HIGH }, 'permit: data'],
    ['crm write', { ...UNTRUSTED, labels: HIGH }, 'deny: untrusted-content-nothing-out'],
    ['production apply', { ...RELEASE, ...UNTRUSTED, labels: HIGH }, 'deny: untrusted-content-nothing-out'],
    ['mail send', { signals: ['something_else'] }, 'permit: tools'],
  ],
  'what the tree holds': [
    ['web fetch', { held: ['search'] }, 'permit: tools'],
    ['web fetch', { held: ['wiki'] }, 'permit: tools'],
    ['web fetch', { held: ['crm'] }, 'deny: customer-data-no-open-web'],
    ['web fetch', { held: ['payroll', 'search'] }, 'deny: customer-data-no-open-web'],
    ['web fetch', { held: ['production'] }, 'permit: tools'],
    ['search query', { held: ['crm'] }, 'permit: tools'],
    ['mail send', { held: ['crm'] }, 'permit: tools'],
    [
      'web fetch',
      { held: ['crm'], ...UNTRUSTED },
      'deny: untrusted-content-nothing-out customer-data-no-open-web',
    ],
    ['crm read', { held: ['web'], labels: HIGH }, 'permit: data'],
  ],
  'other signals, and refusals': [
    ['mail send', READ, 'deny: sensitive-data-stays'],
    ['web fetch', READ, 'deny: sensitive-data-stays'],
    ['wiki write', READ, 'permit: data'],
    ['search query', { signals: ['anomaly'] }, 'deny: anomaly-nothing'],
    ['wiki read', { signals: ['anomaly'], ...RENEW }, 'deny: anomaly-nothing'],
    ['search query', { refusals: 19 }, 'permit: tools'],
    ['search query', { refusals: 20 }, 'deny: probing-nothing'],
    ['search query', { refusals: 1000 }, 'deny: probing-nothing'],
  ],
  production: [
    ['production plan', {}, 'deny: high-sensitivity-by-label'],
    ['production plan', { labels: HIGH }, 'permit: production-plan'],
    ['production plan', { labels: HIGH, ...RENEW }, 'permit: production-plan'],
    ['production apply', { labels: HIGH }, 'deny: production-from-release-only'],
    ['production plan apply', { labels: HIGH }, 'deny: production-from-release-only'],
    [
      'production apply',
      { labels: HIGH, claims: { environment: 'staging' } },
      'deny: production-from-release-only',
    ],
    ['production apply', { labels: HIGH, ...RELEASE }, 'permit: production-apply'],
    ['production plan apply', { labels: HIGH, ...RELEASE }, 'permit: production-apply'],
    ['production apply', { labels: HIGH, ...RELEASE, ...RENEW }, `${NOTHING} production`],
    [
      'production apply',
      { labels: HIGH, claims: { environment: ['release', 'x'] } },
      'permit: production-apply',
    ],
    ['production apply', { ...RELEASE }, 'deny: high-sensitivity-by-label'],
  ],
  'opening a task': [
    ['search query', OPEN, 'permit: tasks'],
    ['wiki read write', OPEN, 'permit: tasks'],
    ['crm read', OPEN, 'deny: high-sensitivity-by-label'],
    ['crm read', { ...OPEN, labels: HIGH }, 'permit: tasks'],
    ['crm read', { ...OPEN, above: [{}], labels: HIGH }, 'deny: high-sensitivity-by-label'],
    ['production apply', { ...OPEN, labels: HIGH }, 'permit: tasks'],
    ['web fetch', { ...OPEN, above: [{}], signals: ['anomaly'] }, 'permit: tasks'],
  ],
};

describe.each(Object.entries(TABLE))('%s', (_, rows) => {
  test.each(rows)('%s %j → %s', (asked, situation, decided) => {
    expect(told(policy.decide(inputOf(asked, situation)))).toBe(decided);
  });
});

test('the table has at least sixty decisions', () => {
  expect(Object.values(TABLE).flat().length).toBeGreaterThanOrEqual(60);
});

test('every policy that ships decides something in it', async () => {
  const { set } = await shippedPolicies();
  const decided = Object.values(TABLE)
    .flatMap((rows) => rows.map(([, , by]) => by))
    .join(' ')
    .split(' ');
  expect(set.policies.map(({ name }) => name).filter((name) => !decided.includes(name))).toEqual([]);
});

test('what a permit obliges to comes with it', () => {
  const apply = policy.decide(inputOf('production apply', { labels: HIGH, ...RELEASE }));
  expect(apply).toMatchObject({ requireDpop: true, singleUse: true, maxTtlMs: 60_000 });
  expect(policy.decide(inputOf('wiki read'))).toMatchObject({ maxTtlMs: 300_000 });
  expect(policy.decide(inputOf('search query', OPEN))).toMatchObject({ maxTtlMs: 8 * 3_600_000 });
  expect(policy.decide(inputOf('payroll read', { labels: HIGH }))).toMatchObject({
    effect: 'approval',
    told: 'Somebody has to agree to the use of restricted data.',
  });
});
