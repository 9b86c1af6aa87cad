// Session policies: whatever is asked for, they allow no more than what was granted, and what they deny is denied by name.
import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { globMatches } from '../../../src/domain/glob.js';
import type { AuthorizationDetail, Grant } from '../../../src/domain/grant.js';
import { AUTHORIZATION_DETAIL_TYPE } from '../../../src/domain/grant.js';
import type { TaskId } from '../../../src/domain/ids.js';
import { Refusal } from '../../../src/domain/refusal.js';
import {
  leastLength,
  MAX_POLICY_LENGTH,
  sessionPolicy,
} from '../../../src/minters/aws-sts/session-policy.js';
import type { SessionTemplate } from '../../../src/domain/session-template.js';
import { templateMistakes } from '../../../src/domain/session-template.js';

const PREFIX = 'arn:aws:s3:::reports/';
const template: SessionTemplate = {
  actions: {
    read: [
      { actions: ['s3:GetObject'], resources: [`${PREFIX}{{resource}}`] },
      {
        actions: ['s3:ListBucket'],
        resources: ['arn:aws:s3:::reports'],
        like: { 's3:prefix': ['{{resource}}'] },
      },
    ],
    write: [{ actions: ['s3:PutObject'], resources: [`${PREFIX}{{resource}}`] }],
    note: [{ actions: ['s3:PutObject'], resources: ['arn:aws:s3:::notes/{{task}}/*'] }],
  },
};
const bounds = { taskId: 'run-42.summarise' as TaskId, expiresAt: Date.UTC(2026, 10, 29, 12, 0, 5) };

const granted = (actions: string[], resources?: string[]): Pick<Grant, 'actions' | 'details'> => ({
  actions,
  ...(resources && { details: [detail(actions, resources)] }),
});
const detail = (actions: string[], resources: string[]): AuthorizationDetail => ({
  type: AUTHORIZATION_DETAIL_TYPE,
  actions,
  resources,
});

interface Statement {
  Effect: string;
  Action?: string | string[];
  NotAction?: string[];
  Resource: string | string[];
  Condition?: Record<string, Record<string, string[]>>;
}
function statements(policy: string | Refusal): Statement[] {
  if (policy instanceof Refusal) throw new Error(policy.detail);
  const parsed = JSON.parse(policy) as { Version: string; Statement: Statement[] };
  expect(parsed.Version).toBe('2012-10-17');
  return parsed.Statement;
}

/** How AWS reads a pattern: `*` any run of characters, `?` any one. */
function awsMatches(pattern: string, text: string): boolean {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '[^]*')
    .replaceAll('?', '[^]');
  return new RegExp(`^${source}$`, 'u').test(text);
}

const nasty = fc.stringMatching(/^[ab*?${}"'\\/.:&\n\u{e9}-]{0,12}$/u);
const anyResource = fc.oneof(
  nasty,
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.stringMatching(/^[ab*/]{1,8}$/),
);

describe('A session policy', () => {
  test('allows what was granted, denies everything from the expiry on, and whatever was not granted', () => {
    expect(statements(sessionPolicy(template, granted(['read'], ['a/*', 'b/1']), bounds))).toEqual([
      { Effect: 'Allow', Action: ['s3:GetObject'], Resource: [`${PREFIX}a/*`, `${PREFIX}b/1`] },
      {
        Effect: 'Allow',
        Action: ['s3:ListBucket'],
        Resource: ['arn:aws:s3:::reports'],
        Condition: { StringLike: { 's3:prefix': ['a/*', 'b/1'] } },
      },
      {
        Effect: 'Deny',
        Action: '*',
        Resource: '*',
        Condition: { DateGreaterThanEquals: { 'aws:CurrentTime': '2026-11-29T12:00:05Z' } },
      },
      { Effect: 'Deny', NotAction: ['s3:GetObject', 's3:ListBucket'], Resource: '*' },
    ]);
  });

  test('names the root task, and puts together what is on the same resources', () => {
    const [reads, , noted] = statements(sessionPolicy(template, granted(['read', 'write', 'note']), bounds));
    expect(reads).toMatchObject({ Action: ['s3:GetObject', 's3:PutObject'], Resource: [`${PREFIX}*`] });
    expect(noted).toMatchObject({ Action: ['s3:PutObject'], Resource: ['arn:aws:s3:::notes/run-42/*'] });
  });

  test('keeps to each action the resources of its own detail', () => {
    const grant = {
      actions: ['read', 'write'],
      details: [detail(['read'], ['in/*']), detail(['write'], ['out/*'])],
    };
    const allowed = statements(sessionPolicy(template, grant, bounds)).filter(
      ({ Effect: effect }) => effect === 'Allow',
    );
    expect(allowed.find(({ Action: action }) => action?.includes('s3:PutObject'))?.Resource).toEqual([
      `${PREFIX}out/*`,
    ]);
    expect(allowed.find(({ Action: action }) => action?.includes('s3:GetObject'))?.Resource).toEqual([
      `${PREFIX}in/*`,
    ]);
  });

  test('never covers more than the resource that was granted, whatever its text is', () => {
    let written = 0;
    fc.assert(
      fc.property(anyResource, fc.stringMatching(/^[ab/*?]{0,8}$/), (resource, other) => {
        const policy = sessionPolicy(template, granted(['read'], [resource]), bounds);
        if (policy instanceof Refusal) return;
        written += 1;
        const [reads, lists, expiry, others, ...more] = statements(policy);
        expect(more).toEqual([]);
        expect([expiry!.Effect, others!.Effect]).toEqual(['Deny', 'Deny']);
        expect(reads!.Action).toEqual(['s3:GetObject']);
        const [arn, ...arns] = reads!.Resource as string[];
        expect(arns).toEqual([]);
        const [prefix, ...prefixes] = lists!.Condition!['StringLike']!['s3:prefix']!;
        expect(prefixes).toEqual([]);
        for (const key of [other, resource, resource.replaceAll('*', other), `${resource}${other}`]) {
          if (awsMatches(arn!, `${PREFIX}${key}`)) expect(globMatches(resource, key)).toBe(true);
          if (awsMatches(prefix!, key)) expect(globMatches(resource, key)).toBe(true);
          // And no less: what was granted can be used.
          if (globMatches(resource, key)) expect(awsMatches(arn!, `${PREFIX}${key}`)).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
    expect(written).toBeGreaterThan(50);
  });

  test.each([
    '',
    '?',
    'a?',
    '${aws:username}',
    '$',
    '{{task}}',
    '}',
    '"',
    "'",
    '\\',
    'a b',
    'a\nb',
    '\u0000',
    'é',
    '<',
  ])('refuses the resource %j, which a policy would read as more than itself or not at all', (resource) => {
    expect(sessionPolicy(template, granted(['read'], ['a', resource]), bounds)).toMatchObject({
      reason: 'resource_not_granted',
    });
  });

  test('is refused where a bound on resources would be lost', () => {
    expect(sessionPolicy(template, granted(['note'], ['a/*']), bounds)).toMatchObject({
      reason: 'resource_not_granted',
      detail: 'note has s3:PutObject without {{resource}}: it cannot be bound to resources',
    });
    expect(sessionPolicy(template, granted(['note'], ['*']), bounds)).toEqual(expect.any(String));
    expect(sessionPolicy(template, granted(['read'], []), bounds)).toBeInstanceOf(Refusal);
  });

  test('is refused past the 2,048 characters that STS takes, and given up to them', () => {
    fc.assert(
      fc.property(
        fc.array(fc.stringMatching(/^[a-z]{1,60}$/), { minLength: 1, maxLength: 40 }),
        (resources) => {
          const policy = sessionPolicy(template, granted(['read'], resources), bounds);
          if (policy instanceof Refusal) {
            expect(policy.detail).toContain('AWS takes 2048');
            expect(resources.join().length).toBeGreaterThan(500);
          } else expect(policy.length).toBeLessThanOrEqual(MAX_POLICY_LENGTH);
        },
      ),
      { numRuns: 100 },
    );
  });

  test('throws for an action that its template says nothing of, even one that every object has', () => {
    for (const action of ['delete', 'constructor', '__proto__'])
      expect(() => sessionPolicy(template, granted([action]), bounds)).toThrow('says nothing');
  });
});

const mistakes = (statement: object, more: object = {}): string[] =>
  templateMistakes(
    {
      actions: { read: [{ actions: ['s3:GetObject'], resources: [`${PREFIX}x`], ...statement }] },
      ...more,
    },
    ['read'],
  ).map(({ at, message }) => `${at.join('.')}: ${message}`);

describe('A template', () => {
  test('without mistakes has none, and fits', () => {
    expect(templateMistakes(template, ['read', 'write', 'note'])).toEqual([]);
    expect(leastLength(template, 'read')).toBeLessThan(600);
    const resources = Array.from({ length: 40 }, (_, index) => `${PREFIX}${'x'.repeat(50)}${index}`);
    const long = { actions: { read: [{ actions: ['s3:GetObject'], resources }] } };
    expect(leastLength(long, 'read')).toBeGreaterThan(MAX_POLICY_LENGTH);
  });

  test('has to speak of each of the tool’s actions and of no other', () => {
    const [missing, extra] = templateMistakes({ actions: { list: [] } }, ['read']);
    expect(missing).toEqual({ at: ['actions'], message: 'says nothing of read, an action of the tool' });
    expect(extra).toEqual({ at: ['actions', 'list'], message: 'is no action of the tool' });
  });

  test.each([
    'sts:AssumeRole',
    'STS:GetFederationToken',
    'iam:PassRole',
    'iam:Pass*',
    's3:*',
    's3:Get*',
    'ecr:GetAuth*',
    'ssm:StartSession',
  ])('with %s is refused, unless it says so loudly', (action) => {
    const flaws = mistakes({ actions: [action] });
    expect(flaws).toHaveLength(1);
    expect(mistakes({ actions: [action] }, { dangerouslyAllowTokenVending: true })).toEqual(
      action.startsWith('STS') ? flaws : [],
    );
  });

  test.each(['*', '*:*', 's*:Get', 's3:G*t', 's3', 's3:', 's3:Get Object', 's3:"'])(
    'with %s as an action is refused',
    (action) => expect(mistakes({ actions: [action] })).toHaveLength(1),
  );

  test.each([
    '*',
    'arn:aws:s3:::',
    'arn:aws:{{resource}}:::x',
    'arn:aws:s3:{{resource}}:1:x',
    'arn:aws:s3::{{task}}:x',
    'arn:aws:s3:::b/{{resources}}',
    'arn:aws:s3:::b/{resource}',
    'arn:aws:s3:::b/${aws:username}',
    'arn:aws:s3:::b/"',
    'arn:aws:s3:::b/a b',
  ])('with %s as a resource is refused', (arn) => expect(mistakes({ resources: [arn] })).toHaveLength(1));

  test('with a condition that is none is refused', () => {
    expect(mistakes({ like: { 's3:prefix': ['{{resource}}*'] } })).toEqual([]);
    expect(mistakes({ like: { prefix: ['a'] } })).toHaveLength(1);
    expect(mistakes({ like: { 's3:prefix': [] } })).toHaveLength(1);
    expect(mistakes({ like: { 's3:prefix': ['$x'] } })).toHaveLength(1);
  });
});
