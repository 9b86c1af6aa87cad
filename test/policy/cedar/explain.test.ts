// What is told of a decision is what made it: parts that are named were evaluated, and others would not have changed it.
import { describe, expect, test } from '@jest/globals';
import { explain } from '../../../src/policy/cedar/explain.js';
import type { Part } from '../../../src/policy/cedar/explain.js';
import { expressionText } from '../../../src/policy/cedar/parse.js';
import type { RecordedRequest } from '../../../src/policy/cedar/request.js';
import { policiesOf } from './policies.js';

const task = (id: string, depth: number, labels: readonly string[]) => ({
  id,
  purpose: 'digest',
  age: 60,
  parents: depth === 0 ? [] : ['run'],
  orchestrator: 'cluster/planner',
  labels,
});
const REQUEST: RecordedRequest = {
  action: 'exchange',
  principal: {
    type: 'Agent',
    id: 'cluster/agent-1',
    trust: 'cluster',
    subject: 'agent-1',
    tags: { groups: ['a'] },
  },
  tools: [
    {
      name: 'crm',
      plane: 'data',
      sensitivity: 'confidential',
      audience: 'https://crm.example',
      actions: ['read'],
      resources: ['*'],
    },
  ],
  ttl: 60,
  tasks: [task('run.part', 1, ['team=blue']), task('run', 0, [])],
  held: { tool: ['public'], data: [], cloud: [], tools: ['search'] },
  signals: ['anomaly'],
  refusals: 0,
  now: 0,
};

const partText = ({ body, value, why }: Part): string => `${value ?? `(${why})`} ${expressionText(body)}`;
const HEAD = '(principal, action, resource) when';

describe('a forbid that holds', () => {
  const PARTS: readonly [condition: string, ...parts: string[]][] = [
    ['context.ttl > 5 && context.plane == "data"', 'true context.ttl > 5', 'true context.plane == "data"'],
    ['context.ttl > 5 || context.plane == "tool"', 'true context.ttl > 5'],
    ['context.ttl > 5 || context.plane == "data"', 'true (context.ttl > 5) || (context.plane == "data")'],
    [
      '!(context.ttl > 90 || context.plane == "tool")',
      'false context.ttl > 90',
      'false context.plane == "tool"',
    ],
    [
      '!(context.network has address && context.network.address.isLoopback())',
      'false context.network has address',
    ],
    ['context.ttl * 9007199254740991 > 5', '(a number beyond 2^53) (context.ttl * 9007199254740991) > 5'],
  ];
  test.each(PARTS)('{ %s }', async (condition, ...parts) => {
    const { set } = await policiesOf(
      `permit (principal, action, resource); forbid ${HEAD} { ${condition} };`,
    );
    const { forbidding, lacking, outcome } = explain(set, REQUEST);
    expect([outcome.effect, lacking]).toEqual(['deny', []]);
    expect(forbidding.map(({ parts: told }) => told.map(partText))).toEqual([parts]);
    expect(forbidding[0]!.on).toEqual([
      { tool: 'crm', task: 'run.part' },
      { tool: 'crm', task: 'run' },
    ]);
  });

  test('says so where there is no permit either', async () => {
    const { set } = await policiesOf('forbid (principal, action, resource);');
    const { forbidding, lacking } = explain(set, REQUEST);
    expect([forbidding[0]!.parts, lacking.length]).toEqual([[], 2]);
  });
});

const nearest = async (text: string): Promise<string[][]> => {
  const { set } = await policiesOf(text);
  return explain(set, REQUEST).lacking.flatMap(({ task: in_, nearest: permits }) =>
    permits.map(({ policy, failing }) => [in_, policy.name, ...failing.map(partText)]),
  );
};

describe('the permits that come nearest', () => {
  test('lack least first, each with all that would have to be otherwise', async () => {
    const text = `
      @id("far") permit (principal == Agent::"cluster/agent-2", action, resource) when { context.ttl < 5 };
      @id("near") permit (principal, action, resource is Tool)
        when { context.ttl == 60 && (context.ttl < 5 || context.plane == "tool") } unless { context.ttl > 90 };
      @id("other") permit (principal, action == Action::"renew", resource);`;
    expect((await nearest(text)).slice(0, 2)).toEqual([
      ['run.part', 'near', 'false (context.ttl < 5) || (context.plane == "tool")'],
      ['run.part', 'far', 'false principal == Agent::"cluster/agent-2"', 'false context.ttl < 5'],
    ]);
  });

  test('are told for the task above alone, where only that would not get it', async () => {
    const text = `@id("blue") permit ${HEAD} { context.labels.contains("team=blue") };`;
    expect(await nearest(text)).toEqual([['run', 'blue', 'false context.labels.contains("team=blue")']]);
  });

  test.each([
    ['principal in Agent::"cluster/agent-2"', 'false principal in Agent::"cluster/agent-2"'],
    [
      'principal is Agent in Agent::"cluster/agent-2"',
      'false principal is Agent in Agent::"cluster/agent-2"',
    ],
  ])('and for another principal, as %s', async (principal, told) => {
    expect((await nearest(`@id("p") permit (${principal}, action, resource);`))[0]).toEqual([
      'run.part',
      'p',
      told,
    ]);
  });

  test('of an unless, name what holds', async () => {
    const text =
      '@id("p") permit (principal, action, resource) unless { context.ttl > 5 || context.ttl > 90 };';
    expect((await nearest(text))[0]).toEqual(['run.part', 'p', 'true context.ttl > 5']);
  });
});
