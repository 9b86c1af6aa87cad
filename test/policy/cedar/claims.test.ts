// Claims as tags: sets of texts, whatever the issuer made of them, and nothing that only tells of the token.
import { expect, test } from '@jest/globals';
import { tagsOf } from '../../../src/policy/cedar/claims.js';

test.each<[what: string, claims: object, tags: object]>([
  [
    'a text, a number and a truth value are sets of one',
    { sub: 'a', level: 3, admin: true },
    { sub: ['a'], level: ['3'], admin: ['true'] },
  ],
  [
    'a list is the set of its plain members',
    { groups: ['a', 7, null, { b: 1 }, ['c']] },
    { groups: ['a', '7'] },
  ],
  ['an empty list is there, and empty', { groups: [] }, { groups: [] }],
  [
    'members of an object are named by their path',
    { 'kubernetes.io': { pod: { name: 'p' }, namespace: 'n' } },
    { 'kubernetes.io.pod.name': ['p'], 'kubernetes.io.namespace': ['n'] },
  ],
  [
    'a claim that is called by a path stands before what lies there',
    { a: { b: 'inner' }, 'a.b': 'own' },
    { 'a.b': ['own'] },
  ],
  [
    'what tells of the token alone is not there',
    { exp: 1, iat: 2, nbf: 3, jti: 'x', sub: 's' },
    { sub: ['s'] },
  ],
  ['nothing is nothing', { none: null }, {}],
])('%s', (_, claims, tags) => {
  expect({ ...tagsOf(claims as Record<string, unknown>) }).toEqual(tags);
});

test('no claim can be taken for what every object has', () => {
  const tags = tagsOf(JSON.parse('{"__proto__":"x","constructor":{"name":"y"}}') as Record<string, unknown>);
  expect(Object.keys(tags)).toEqual(['__proto__', 'constructor.name']);
  expect(Object.hasOwn(tags, 'hasOwnProperty')).toBe(false);
});

test('what is nested beyond all measure ends somewhere', () => {
  const deep = JSON.parse(`${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`) as Record<string, unknown>;
  expect(Object.keys(tagsOf(deep))).toEqual([]);
});
