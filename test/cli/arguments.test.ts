// What is written on a command line is read as meant or refused before anything is sent.
import { describe, expect, test } from '@jest/globals';
import { collectPairs, duration, pageSize } from '../../src/cli/arguments.js';
import { selectorIn } from '../../src/cli/revoke.js';
import { manifestTool } from '../../src/cli/task/manifest-tool.js';
import { bodyOf } from '../../src/cli/task/open.js';
import { exchangeOf } from '../../src/cli/token.js';
import { openTaskBody } from '../../src/wire/tasks.js';
import { ran } from './fake-shell.js';

describe('a tool of a manifest', () => {
  test.each([
    ['crm:read', { tool: 'crm', actions: ['read'] }],
    ['crm:read,write', { tool: 'crm', actions: ['read', 'write'] }],
    ['crm:read@customers/*', { tool: 'crm', actions: ['read'], resources: ['customers/*'] }],
    ['crm:read, write@a, b', { tool: 'crm', actions: ['read', 'write'], resources: ['a', 'b'] }],
    [
      's3:s3:GetObject@arn:aws:s3:::b/*',
      { tool: 's3', actions: ['s3:GetObject'], resources: ['arn:aws:s3:::b/*'] },
    ],
    ['mail:send@ann@example.com', { tool: 'mail', actions: ['send'], resources: ['ann@example.com'] }],
  ])('%s', (written, tool) => {
    expect(manifestTool(written)).toEqual(tool);
  });

  test.each([
    'crm',
    'crm:',
    ':read',
    'crm:@a',
    'crm:read@',
    'crm:read,',
    'crm:read,,write',
    '',
    'crm@a:read',
  ])('%j is refused', (written) => {
    expect(() => manifestTool(written)).toThrow('crm:read,write@customers/*');
  });
});

test.each(['30s', '15m', '2h', '1d', '1000ms'])('%s is a duration', (written) => {
  expect(duration(written)).toBe(written);
});

test.each(['90', '0s', '999ms', '1.5h', '-1m', 'soon', '', '15 m'])('%j is no duration', (written) => {
  expect(() => duration(written)).toThrow('A number with its unit');
});

test.each(['0', '201', 'ten', '1e2', '-1', ''])('%j is no page size', (written) => {
  expect(() => pageSize(written)).toThrow('1 to 200');
});

test('pairs keep every equals sign but the first, and any name', () => {
  expect(collectPairs('b=c=d', [['a', '']])).toEqual([
    ['a', ''],
    ['b', 'c=d'],
  ]);
  expect(() => collectPairs('=x')).toThrow('name=value');
  expect(() => collectPairs('x')).toThrow('name=value');
});

describe('the body of a task', () => {
  const GIVEN = { purpose: 'p', agent: ['dev/*'], tool: [{ tool: 'crm', actions: ['read'] }], ttl: '15m' };

  test('is what the wire takes, whatever options were given', () => {
    const all = { ...GIVEN, id: 'run-1.a', parent: 'run-1', label: [['team', 'x=y']] as [string, string][] };
    expect(openTaskBody.parse(bodyOf(all))).toEqual({
      id: 'run-1.a',
      parent: 'run-1',
      purpose: 'p',
      agents: ['dev/*'],
      tools: [{ tool: 'crm', actions: ['read'] }],
      ttl: 900_000,
      labels: { team: 'x=y' },
    });
    expect(openTaskBody.safeParse(bodyOf(GIVEN)).success).toBe(true);
  });

  test('says all that it lacks', () => {
    expect(() => bodyOf({ purpose: 'p' })).toThrow('--agent, --tool, --ttl');
  });

  test.each([
    [['--file', '-', '--ttl', '1m'], '{}', 'take out --ttl'],
    [['--file', '-'], 'not json', 'is not JSON'],
    [['--file', '-'], '[]', 'one JSON object'],
    [['--file', '/nowhere/task.json'], '', 'cannot be read (ENOENT)'],
  ])('from %j %s is refused as a mistake of the caller', async (args, input, message) => {
    const { exit, err } = await ran(['task', 'open', ...args], { input });
    expect([exit, err]).toEqual([2, expect.stringContaining(message)]);
  });
});

test('an exchange asks for what was said, and for nothing else', () => {
  expect(exchangeOf({ task: 'run-1', tool: 'crm' })).toEqual({ task_id: 'run-1', audience: 'crm' });
  expect(exchangeOf({ task: 'r', tool: 'crm', scope: 'read', resource: ['a', 'b'], ttl: '2m' })).toEqual({
    task_id: 'r',
    audience: 'crm',
    scope: 'read',
    requested_expiry: 120,
    authorization_details: [{ type: 'mayfly_tool', resources: ['a', 'b'] }],
  });
});

test('a revocation names exactly one thing', () => {
  expect(selectorIn({ agent: 'dev/agent-1' })).toEqual({ kind: 'agent', select: { agent: 'dev/agent-1' } });
  expect(selectorIn({ all: true })).toEqual({ kind: 'all', select: { all: true } });
  expect(() => selectorIn({})).toThrow('exactly one of --lease, --task');
  expect(() => selectorIn({ task: 'a', all: true })).toThrow('exactly one');
});

test.each([
  ['an unknown option', ['task', 'list', '--colour']],
  ['an unknown command', ['taks']],
  ['an argument too many', ['task', 'show', 'a', 'b']],
  ['a missing argument', ['task', 'show']],
  ['a missing option', ['token', '--task', 'run-1']],
  ['a state that there is not', ['lease', 'list', '--state', 'dead']],
  ['no command at all', []],
  [
    'two ends for one extension',
    ['task', 'extend', 'a', '--ttl', '1m', '--deadline', '2026-01-01T00:00:00Z'],
  ],
  ['what is no id', ['why', 'run-1']],
  ['quarantine of a task', ['revoke', '--task', 'a', '--quarantine', '--reason', 'x']],
  ['a revocation without a reason', ['revoke', '--task', 'a']],
  ['two places for a credential', ['token', '--task', 'a', '--tool', 'b', '--raw', '--json']],
  ['a settled claim', ['dev', 'token', '--as', 'a', '--claim', 'sub=b']],
  ['a port that there is not', ['dev', '--port', '65536']],
])('%s is a mistake of the caller: exit code 2', async (_name, args) => {
  expect((await ran(args)).exit).toBe(2);
});

test.each([[['--help']], [['task', '--help']], [['why', '--help']], [['--version']]])(
  '%j helps: exit code 0',
  async (args) => {
    const { exit, out, err } = await ran(args);
    expect([exit, err]).toEqual([0, '']);
    expect(out).not.toBe('');
  },
);
