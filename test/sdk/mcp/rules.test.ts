// The rules of an MCP server: which action a message needs, and what cannot be meant.
import { expect, test } from '@jest/globals';
import type { Message } from '../../../src/sdk/mcp/message.js';
import type { Rule, Rules } from '../../../src/sdk/mcp/rules.js';
import { RuleBook } from '../../../src/sdk/mcp/rules.js';

const asks = (method: string, params: Record<string, unknown> = {}): Message => ({
  kind: 'asks',
  method,
  params,
  body: {},
});
const call = (name: unknown, given?: unknown): Message =>
  asks('tools/call', { name, ...(given !== undefined && { arguments: given }) });
const flawed = (what: RegExp): unknown =>
  expect.objectContaining({ kind: 'flawed', message: expect.stringMatching(what) });

test('tools that are listed by name are the actions of their names', () => {
  const rules = new RuleBook(['search', 'add']);
  expect(rules.actions).toEqual(['add', 'search']);
  expect(rules.wantOf(call('search'))).toEqual({ kind: 'action', called: 'search', action: 'search' });
  expect(rules.wantOf(call('Search'))).toEqual({ kind: 'nothing', called: 'Search' });
  expect([rules.shows('add', ['add']), rules.shows('add', ['search'])]).toEqual([true, false]);
});

const rules = new RuleBook(
  {
    add: { action: 'write', resource: ({ id }) => id as string },
    careless: { action: 'write', resource: (given) => (given as { a: { b: string } }).a.b },
  },
  { 'resources/read': { action: 'read', resource: ({ uri }) => uri as string }, 'prompts/list': 'read' },
);

test.each<[string, Message, unknown]>([
  [
    'the resource is taken from the arguments',
    call('add', { id: '7' }),
    { kind: 'action', called: 'add', action: 'write', resource: '7' },
  ],
  [
    'or is none, for credentials that are bound to none',
    call('add'),
    { kind: 'action', called: 'add', action: 'write' },
  ],
  ['one that is no text is refused', call('add', { id: ['7'] }), flawed(/resource/)],
  ['one that is empty is refused', call('add', { id: '' }), flawed(/resource/)],
  ['one that no credential could name is refused', call('add', { id: 'x'.repeat(513) }), flawed(/resource/)],
  ['a rule that throws refuses', call('careless', {}), flawed(/resource/)],
  ['a call without a name is refused', call(undefined), flawed(/names a tool/)],
  ['a name without end is refused', call('x'.repeat(257)), flawed(/names a tool/)],
  [
    'a method goes by its params',
    asks('resources/read', { uri: 'a:b' }),
    { kind: 'action', called: 'resources/read', action: 'read', resource: 'a:b' },
  ],
  [
    'a method that is named is its action',
    asks('prompts/list'),
    { kind: 'action', called: 'prompts/list', action: 'read' },
  ],
  ['one that is not is nothing', asks('prompts/get'), { kind: 'nothing', called: 'prompts/get' }],
  ['nor is one from the prototype', asks('toString'), { kind: 'nothing', called: 'toString' }],
  ['the protocol itself needs no action', asks('tools/list'), { kind: 'live' }],
  [
    'nor does listening',
    asks('subscriptions/listen', { notifications: { toolsListChanged: true } }),
    { kind: 'live' },
  ],
  [
    'but for single resources',
    asks('subscriptions/listen', { notifications: { resourceSubscriptions: [] } }),
    { kind: 'nothing', called: 'subscriptions/listen' },
  ],
])('%s', (_what, message, want) => {
  expect(rules.wantOf(message)).toEqual(want);
});

test.each<[string, Rules, Readonly<Record<string, Rule>>]>([
  ['a name with a space, as an action', ['search notes'], {}],
  ['a name with a quote, as an action', ['a"b'], {}],
  ['an empty action', { search: '' }, {}],
  ['an action that is too long for the catalogue', { search: 'x'.repeat(65) }, {}],
  ['an action that is none', { search: {} as Rule }, {}],
  ['a rule for all calls at once', {}, { 'tools/call': 'read' }],
])('%s cannot be meant', (_what, tools, methods) => {
  expect(() => new RuleBook(tools, methods)).toThrow(TypeError);
});
