// Decisions by policies at hand, without a broker: who asks for what, in which circumstances.
import { readPolicies } from '../../src/config/policy-files.js';
import type { PrincipalName, TaskId } from '../../src/domain/ids.js';
import type { Tool } from '../../src/domain/tool.js';
import { Catalogue } from '../../src/domain/tool.js';
import type { TreeContext } from '../../src/domain/tree-context.js';
import { holdingOf } from '../../src/domain/tree-context.js';
import { cedarPolicy } from '../../src/policy/cedar/cedar-policy.js';
import type { LoadedPolicies } from '../../src/policy/cedar/load.js';
import { loadPolicies } from '../../src/policy/cedar/load.js';
import type { Decision, DecisionInput, Policy, TaskFacts } from '../../src/policy/policy.js';

const tool = (
  name: string,
  plane: Tool['plane'],
  sensitivity: Tool['sensitivity'],
  actions: string[],
): Tool => ({
  name,
  plane,
  audience: `https://${name}.example`,
  actions,
  sensitivity,
  maxTtlMs: 600_000,
  renewable: true,
  credential: { kind: 'jwt' },
});

/** The catalogue that the shipped policies are written for. */
export const TOOLS = new Catalogue([
  tool('search', 'tool', 'public', ['query']),
  tool('web', 'tool', 'public', ['fetch']),
  tool('mail', 'tool', 'internal', ['send']),
  tool('crm', 'data', 'confidential', ['read', 'write']),
  tool('wiki', 'data', 'internal', ['read', 'write']),
  tool('payroll', 'data', 'restricted', ['read']),
  tool('production', 'cloud', 'restricted', ['plan', 'apply']),
]);

export interface Situation {
  readonly action?: 'exchange' | 'renew' | 'open_task';
  readonly subject?: string;
  readonly trust?: string;
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly labels?: Readonly<Record<string, string>>;
  /** Of the tasks above, the root first. */
  readonly above?: readonly Readonly<Record<string, string>>[];
  readonly held?: readonly string[];
  readonly signals?: readonly string[];
  readonly refusals?: number;
  readonly address?: string;
  readonly ttlMs?: number;
  readonly resources?: readonly string[];
  readonly at?: string;
  readonly ageMs?: number;
}

export const HIGH = { sensitivity: 'high' };

/** `asked`: a tool and its actions, as `crm read write`. */
export function inputOf(asked: string, situation: Situation = {}): DecisionInput {
  const [name = '', ...actions] = asked.split(' ');
  const { action = 'exchange', subject = 'agent-7', trust = 'cluster', claims = {} } = situation;
  const now = Date.parse(situation.at ?? '2026-11-27T10:30:00Z');
  const above = (situation.above ?? []).map((labels, depth) => taskAt(depth, labels, now));
  const common = {
    principal: {
      name: `${trust}/${subject}` as PrincipalName,
      trust,
      subject,
      claims: { sub: subject, ...claims },
    },
    task: taskAt(above.length, situation.labels ?? {}, now - (situation.ageMs ?? 0)),
    above,
    context: contextOf(situation),
    ...(situation.address !== undefined && { address: situation.address }),
    now,
  };
  const resources = situation.resources && { resources: situation.resources };
  if (action === 'open_task') {
    const manifest = { agents: ['*'], tools: [{ tool: name, actions, ...resources }] };
    return { ...common, action, manifest, ttlMs: situation.ttlMs ?? 600_000 };
  }
  const details = resources ? [{ type: 'mayfly_tool' as const, actions, ...resources }] : [];
  return {
    ...common,
    action,
    tool: TOOLS.byName(name)!,
    actions,
    details,
    ...(situation.ttlMs !== undefined && { ttlMs: situation.ttlMs }),
  };
}

function taskAt(depth: number, labels: Readonly<Record<string, string>>, openedAt: number): TaskFacts {
  const id = `run-1${'.part'.repeat(depth)}` as TaskId;
  const orchestrator = 'cluster/planner' as PrincipalName;
  return { id, orchestrator, purpose: 'a purpose', labels, openedAt };
}

const contextOf = ({ held = [], signals = [], refusals = 0 }: Situation): TreeContext => ({
  version: 1,
  signals,
  held: held.map((name) => holdingOf(TOOLS.byName(name)!)),
  refusals,
});

export async function shippedPolicies(): Promise<LoadedPolicies> {
  const loaded = await readPolicies('policies', 'config');
  if (typeof loaded === 'string' || !('set' in loaded)) throw new Error(JSON.stringify(loaded));
  return loaded;
}

export const policyOf = ({ set }: LoadedPolicies): Policy => cedarPolicy(set, TOOLS, 'digest');

/** One file of policies; fails with all that is wrong with it. */
export async function policiesOf(text: string): Promise<Policy> {
  const loaded = await loadPolicies([{ name: 'test.cedar', text }]);
  if ('mistakes' in loaded)
    throw new Error(loaded.mistakes.map((flaw) => `${flaw.line}: ${flaw.message}`).join('\n'));
  return policyOf(loaded);
}

/** What it was decided, and by which policies: `permit: data`, `deny: (nothing permits it)`. */
export function told({ effect, determining, why }: Decision): string {
  return `${effect}: ${determining.join(' ') || why || ''}`;
}
