// Authority never widens: along random chains of children, signals, holdings, refusals and renewals, under random policies.
import { describe, expect, test } from '@jest/globals';
import { claim, narrow } from '../../src/domain/grant.js';
import type { TaskId } from '../../src/domain/ids.js';
import { Refusal } from '../../src/domain/refusal.js';
import type { Manifest } from '../../src/domain/task.js';
import { withinParent } from '../../src/domain/task.js';
import type { TreeContext } from '../../src/domain/tree-context.js';
import {
  holdingOf,
  NO_CONTEXT,
  withHolding,
  withRefusal,
  withSignal,
} from '../../src/domain/tree-context.js';
import { loadPolicies } from '../../src/policy/cedar/load.js';
import type { Policy, TaskFacts } from '../../src/policy/policy.js';
import { oneOf, randomFrom, upTo } from '../fixtures/random.js';
import { randomPolicy } from './cedar/random-policies.js';
import { inputOf, policyOf, shippedPolicies, TOOLS } from './scene.js';

type Chance = () => number;
type Action = 'exchange' | 'renew';

const LABELS = [{}, { k: 'v' }, { sensitivity: 'high' }, { k: 'v', sensitivity: 'high' }];
const SIGNALS = ['untrusted_content', 'sensitive_data_read', 'anomaly', 'other'];
const OBLIGATIONS = [
  '',
  '@max_ttl("60s")',
  '@max_ttl("5m") @require_dpop',
  '@single_use',
  '@approval("somebody")',
];
const NARROWING = [
  'forbid (principal, action, resource) when { context.signals.contains("anomaly") };',
  'forbid (principal, action, resource) when { context.held.data.contains("confidential") && context.plane == "tool" };',
  'forbid (principal, action, resource == Tool::"crm") when { context.refusals >= 2 };',
  'forbid (principal, action, resource) when { context.task.depth > 1 };',
  'forbid (principal, action, resource) unless { context.labels.contains("k=v") };',
];

interface State {
  readonly tasks: readonly TaskFacts[];
  readonly manifest: Manifest;
  readonly context: TreeContext;
}

/** What is got for asking: nothing, or how much. */
interface Got {
  readonly ttlMs: number;
  readonly obliged: readonly string[];
}

const FULL: Manifest = {
  agents: ['*'],
  tools: TOOLS.all().map(({ name, actions }) => ({ tool: name, actions })),
};
const ASKED = TOOLS.all().flatMap(({ name, actions }) =>
  [...actions.map((action) => [action]), actions].map((all) => `${name} ${all.join(' ')}`),
);

function start(chance: Chance): State {
  const task = inputOf('crm read', { labels: oneOf(chance, LABELS) }).task;
  return { tasks: [task], manifest: FULL, context: NO_CONTEXT };
}

function step(state: State, chance: Chance): State {
  switch (oneOf(chance, ['child', 'signal', 'hold', 'refuse'] as const)) {
    case 'child':
      return state.tasks.length > 4 ? state : childOf(state, chance);
    case 'signal':
      return { ...state, context: withSignal(state.context, oneOf(chance, SIGNALS)) };
    case 'hold':
      return { ...state, context: withHolding(state.context, holdingOf(oneOf(chance, TOOLS.all()))) };
    case 'refuse':
      return { ...state, context: withRefusal(state.context) };
  }
}

function childOf({ tasks, manifest, context }: State, chance: Chance): State {
  const parent = tasks.at(-1)!;
  const child = { ...parent, id: `${parent.id}.part` as TaskId, labels: oneOf(chance, LABELS) };
  const tools = manifest.tools.filter(() => upTo(chance, 4) > 0);
  const narrower = { ...manifest, tools };
  expect(withinParent(narrower, manifest)).toBeUndefined();
  return { tasks: [...tasks, child], manifest: narrower, context };
}

function got(
  policy: Policy,
  { tasks, manifest, context }: State,
  asked: string,
  action: Action,
): Got | undefined {
  const input = {
    ...inputOf(asked, { action, address: '10.0.0.7' }),
    task: tasks.at(-1)!,
    above: tasks.slice(0, -1),
    context,
  };
  if (input.action === 'open_task') throw new Error('no exchange');
  const claimed = claim({ actions: input.actions }, input.tool, manifest);
  if (claimed instanceof Refusal) return undefined;
  const decision = policy.decide(input);
  if (decision.effect !== 'permit') return undefined;
  const grant = narrow({ actions: input.actions }, claimed, input.tool, decision);
  if (grant.actions.join(' ') !== input.actions.join(' '))
    throw new Error(`${asked}: ${grant.actions.join(' ')}`);
  return {
    ttlMs: grant.ttlMs,
    obliged: [...(decision.requireDpop ? ['dpop'] : []), ...(decision.singleUse ? ['once'] : [])],
  };
}

function expectNoMore(before: Got | undefined, after: Got | undefined, story: () => string): void {
  if (after === undefined) return;
  const wider =
    (before === undefined && 'it was denied before') ||
    (after.ttlMs > before!.ttlMs && 'it lives longer than before') ||
    (before!.obliged.some((one) => !after.obliged.includes(one)) && 'it obliges to less than before');
  if (wider) throw new Error(`${story()}: ${wider}`);
}

function walk(policy: Policy, chance: Chance, steps: number, told: string): number {
  let state = start(chance);
  let permitted = 0;
  const all = (['exchange', 'renew'] as const).flatMap((action) =>
    ASKED.map((asked) => [asked, action] as const),
  );
  let before = all.map(([asked, action]) => got(policy, state, asked, action));
  for (let nth = 0; nth < steps; nth++) {
    state = step(state, chance);
    const after = all.map(([asked, action]) => got(policy, state, asked, action));
    all.forEach(([asked, action], index) =>
      expectNoMore(
        before[index],
        after[index],
        () => `${told}\n${action} ${asked} at step ${nth} ${JSON.stringify(state)}`,
      ),
    );
    permitted += after.filter(Boolean).length;
    before = after;
  }
  return permitted;
}

async function randomSet(chance: Chance): Promise<{ policy: Policy; text: string }> {
  const texts: string[] = [];
  while (texts.length < 8) {
    const about = randomPolicy(chance).replaceAll('Agent::"cluster/agent-1"', 'Agent::"cluster/agent-7"');
    const one =
      upTo(chance, 2) === 0 ? about.replace(/^permit/, 'forbid') : `${oneOf(chance, OBLIGATIONS)} ${about}`;
    if ('set' in (await loadPolicies([{ name: 'one.cedar', text: one }]))) texts.push(one);
  }
  const text = [
    ...texts,
    ...NARROWING.filter(() => upTo(chance, 1) === 0),
    'permit (principal is Agent, action, resource) when { context.plane == "data" };',
  ].join('\n');
  const loaded = await loadPolicies([{ name: 'random.cedar', text }]);
  if ('mistakes' in loaded) throw new Error(JSON.stringify(loaded.mistakes));
  return { policy: policyOf(loaded), text };
}

describe('authority never widens', () => {
  test('under the policies that ship', async () => {
    const policy = policyOf(await shippedPolicies());
    let permitted = 0;
    for (let seed = 1; seed <= 20; seed++) permitted += walk(policy, randomFrom(seed), 25, `seed ${seed}`);
    expect(permitted).toBeGreaterThan(200);
  });

  test('under random policies', async () => {
    const first = Number(process.env['MAYFLY_SEED'] ?? 1);
    let permitted = 0;
    for (let seed = first; seed < first + 12; seed++) {
      const chance = randomFrom(seed);
      const { policy, text } = await randomSet(chance);
      for (let nth = 0; nth < 4; nth++) permitted += walk(policy, chance, 20, `seed ${seed}\n${text}`);
    }
    expect(permitted).toBeGreaterThan(200);
  }, 60_000);
});
