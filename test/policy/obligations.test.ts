// All policies that a permit rests on oblige, and the strictest of each kind counts; what fails is never for the better.
import { expect, test } from '@jest/globals';
import { inputOf, policiesOf } from './scene.js';

const ALL = 'permit (principal, action, resource)';

test('of several that permit, all oblige, and the strictest counts', async () => {
  const policy = await policiesOf(`
    @id("a") @max_ttl("5m") ${ALL};
    @id("b") @max_ttl("90s") @require_dpop ${ALL};
    @id("c") @single_use @reason("not for a permit") ${ALL} when { context.plane == "data" };
    @id("d") @approval("of somebody") ${ALL} when { context.plane == "cloud" };`);
  expect(policy.decide(inputOf('wiki read'))).toMatchObject({
    effect: 'permit',
    determining: ['a', 'b', 'c'],
    maxTtlMs: 90_000,
    requireDpop: true,
    singleUse: true,
  });
  const tool = policy.decide(inputOf('search query'));
  expect([tool.effect, 'singleUse' in tool, tool.told]).toEqual(['permit', false, undefined]);
  expect(policy.decide(inputOf('production plan'))).toMatchObject({
    effect: 'approval',
    told: 'of somebody',
  });
});

test('a forbid stands above every permit and every approval, and tells its reasons', async () => {
  const policy = await policiesOf(`
    @id("yes") ${ALL}; @id("perhaps") @approval("somebody") ${ALL};
    @id("no") @reason("first") forbid (principal, action, resource);
    @id("never") @reason("second") forbid (principal, action, resource);`);
  expect(policy.decide(inputOf('wiki read'))).toMatchObject({
    effect: 'deny',
    determining: ['no', 'never'],
    told: 'first; second',
  });
});

test('nothing is permitted by default', async () => {
  const policy = await policiesOf('forbid (principal, action, resource) when { false };');
  expect(policy.decide(inputOf('wiki read'))).toMatchObject({
    effect: 'deny',
    determining: [],
    why: 'no policy permits wiki',
  });
});

test('what is not in the catalogue is denied, whatever policies say', async () => {
  const policy = await policiesOf(`${ALL};`);
  expect(policy.decide(inputOf('wiki fly')).effect).toBe('deny');
  expect(policy.decide(inputOf('none read', { action: 'open_task' })).effect).toBe('deny');
});

test('all tools of a task are decided on: one that is not permitted is none of them', async () => {
  const policy = await policiesOf(`${ALL} when { context.plane == "tool" };`);
  const input = inputOf('search query', { action: 'open_task' });
  if (input.action !== 'open_task') throw new Error('no opening');
  const tools = [...input.manifest.tools, { tool: 'wiki', actions: ['read'] }];
  expect(policy.decide(input).effect).toBe('permit');
  expect(policy.decide({ ...input, manifest: { ...input.manifest, tools } })).toMatchObject({
    effect: 'deny',
    why: 'no policy permits wiki',
  });
});

test('a forbid that cannot be evaluated forbids, and a permit that cannot permits nothing', async () => {
  const overflow = 'context.ttl * 9007199254740991 > 1';
  const forbidden = await policiesOf(
    `${ALL}; @id("sum") forbid (principal, action, resource) when { ${overflow} };`,
  );
  expect(forbidden.decide(inputOf('wiki read'))).toMatchObject({
    effect: 'deny',
    determining: ['sum'],
    why: 'sum could not be evaluated: a number beyond 2^53',
  });
  const permitted = await policiesOf(`@id("sum") ${ALL} when { ${overflow} };`);
  expect(permitted.decide(inputOf('wiki read'))).toMatchObject({ effect: 'deny', determining: [] });
});

test('resources without a bound are more than any that could be listed', async () => {
  const policy = await policiesOf(
    `${ALL} when { ["customers/1", "customers/2"].containsAll(context.resources) };`,
  );
  expect(policy.decide(inputOf('wiki read', { resources: ['customers/1'] })).effect).toBe('permit');
  expect(policy.decide(inputOf('wiki read', { resources: ['customers/*'] })).effect).toBe('deny');
  expect(policy.decide(inputOf('wiki read')).effect).toBe('deny');
});

test('a claim that is absent is asked for, and permits nothing', async () => {
  const policy = await policiesOf(
    `${ALL} when { principal.hasTag("groups") && principal.getTag("groups").contains("billing") };`,
  );
  expect(policy.decide(inputOf('wiki read', { claims: { groups: ['billing'] } })).effect).toBe('permit');
  for (const claims of [
    {},
    { groups: [] },
    { groups: null },
    { Groups: ['billing'] },
    { groups: { billing: true } },
  ])
    expect(policy.decide(inputOf('wiki read', { claims })).effect).toBe('deny');
});

test.each<[condition: string, holds: boolean]>([
  ['context.network has address && context.network.address.isInRange(ip("10.0.0.0/8"))', true],
  ['context.network has address && context.network.address.isInRange(ip("192.168.0.0/16"))', false],
  ['context.time.hour >= 9 && context.time.hour < 17 && context.time.weekday == "friday"', true],
  ['context.time.now > datetime("2026-11-27T10:00:00Z")', true],
  ['context.ttl == 60 && context.task.age == 90 && context.task.depth == 0', true],
  ['context.task.id == "run-1" && context.task.orchestrator == "cluster/planner"', true],
  ['context.task.purpose == "a purpose"', false],
  ['principal == Agent::"cluster/agent-7" && principal.trust == "cluster"', true],
  ['resource == Tool::"wiki" && resource.audience == "https://wiki.example"', true],
  ['context.labels.contains("team=billing")', true],
])('%s: %s', async (condition, holds) => {
  const policy = await policiesOf(`${ALL} when { ${condition} };`);
  const asked = inputOf('wiki read', {
    address: '10.1.2.3',
    ttlMs: 60_000,
    ageMs: 90_500,
    labels: { team: 'billing' },
  });
  expect(policy.decide(asked).effect).toBe(holds ? 'permit' : 'deny');
});

test('the record of a decision is enough to make it again, and holds no text of the purpose', async () => {
  const policy = await policiesOf(`${ALL};`);
  const { input } = policy.decide(inputOf('wiki read', { claims: { groups: ['a'], jti: 'one', exp: 5 } }));
  expect(input).toMatchObject({
    action: 'exchange',
    principal: { type: 'Agent', id: 'cluster/agent-7', tags: { groups: ['a'], sub: ['agent-7'] } },
    tools: [{ name: 'wiki', actions: ['read'], resources: ['*'] }],
    tasks: [{ id: 'run-1', age: 0 }],
  });
  expect(JSON.stringify(input)).not.toContain('a purpose');
  expect(JSON.stringify(input)).not.toContain('jti');
});
