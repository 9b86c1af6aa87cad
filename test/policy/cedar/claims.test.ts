// Claims as tags: sets of texts, whatever the issuer made of them, and nothing that only tells of the token.
import { expect, test } from '@jest/globals';
import { sha256 } from '../../../src/domain/digest.js';
import { tagsOf } from '../../../src/policy/cedar/claims.js';

const TOKEN = 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.c2lnbmVk';

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
  [
    'whoever may name members of a claim does not speak for another claim',
    { a: { 'b.c': 'claimed' }, 'a.b': { c: 'own' } },
    { 'a.b.c': ['own'] },
  ],
  [
    'a token within a token is its digest, and what only its name tells of is not there (OpenID Connect Core §5.6.2)',
    {
      _claim_sources: {
        one: { JWT: TOKEN },
        two: { endpoint: 'https://a.example', access_token: 'ksj3n283dke' },
      },
      handed_on: [TOKEN, 'eyJ', 'a.b.c'],
    },
    {
      '_claim_sources.one.JWT': [sha256(TOKEN)],
      '_claim_sources.two.endpoint': ['https://a.example'],
      handed_on: [sha256(TOKEN), 'eyJ', 'a.b.c'],
    },
  ],
  [
    'nor is what a kubelet says of it',
    { 'kubernetes.io': { namespace: 'n', warnafter: 1700000000 } },
    { 'kubernetes.io.namespace': ['n'] },
  ],
  ['nothing is nothing', { none: null }, {}],
])('%s', (_, claims, tags) => {
  const own = tagsOf(claims as Record<string, unknown>);
  expect(own).toEqual(tags);
  // What is kept beside leases is the tags, and is read as claims.
  expect(tagsOf(own)).toEqual(own);
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
