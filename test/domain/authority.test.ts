// Authority only narrows (invariant 4): a child never has what its parent has not, a grant never what the manifest has not.
import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { globMatches } from '../../src/domain/glob.js';
import { claim, narrow } from '../../src/domain/grant.js';
import type { PrincipalName } from '../../src/domain/ids.js';
import { Refusal } from '../../src/domain/refusal.js';
import type { Manifest, ManifestTool } from '../../src/domain/task.js';
import { admitsAgent, manifestTool, outcomeForChild, OUTCOMES, withinParent } from '../../src/domain/task.js';
import type { Tool } from '../../src/domain/tool.js';

const TOOLS = ['crm', 'search'];
const ACTIONS = ['read', 'write', 'fly'];
const glob = fc.string({ unit: fc.constantFrom('a', 'b', '*'), minLength: 1, maxLength: 3 });
const name = fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 1, maxLength: 4 });
const actions = fc.subarray(ACTIONS, { minLength: 1 });
const resources = fc.option(fc.array(glob, { minLength: 1, maxLength: 3 }), { nil: undefined });

const toolEntry = (tool: string): fc.Arbitrary<ManifestTool> =>
  fc.record({ actions, resources }).map(({ actions: named, resources: bound }) => ({
    tool,
    actions: named,
    ...(bound && { resources: bound }),
  }));
const manifest: fc.Arbitrary<Manifest> = fc.subarray(TOOLS, { minLength: 1 }).chain((tools) =>
  fc.record({
    agents: fc.array(glob, { minLength: 1, maxLength: 3 }),
    tools: fc.tuple(...tools.map(toolEntry)),
  }),
);

/** Whether the manifest lets this agent do this with this. */
function allows(
  { agents, tools }: Manifest,
  agent: string,
  tool: string,
  action: string,
  resource: string,
): boolean {
  const entry = tools.find((one) => one.tool === tool);
  return (
    agents.some((pattern) => globMatches(pattern, agent)) &&
    entry !== undefined &&
    entry.actions.includes(action) &&
    (entry.resources === undefined || entry.resources.some((pattern) => globMatches(pattern, resource)))
  );
}

const within = (child: Manifest, parent: Manifest): boolean => withinParent(child, parent) === undefined;

describe('a child', () => {
  test('that is within its parent may do nothing that its parent may not', () => {
    let count = 0;
    fc.assert(
      fc.property(manifest, manifest, name, name, (parent, child, agent, resource) => {
        if (!within(child, parent)) return;
        count++;
        for (const tool of TOOLS) {
          for (const action of ACTIONS) {
            if (allows(child, agent, tool, action, resource))
              expect(allows(parent, agent, tool, action, resource)).toBe(true);
          }
        }
      }),
      { numRuns: 5000 },
    );
    expect(count).toBeGreaterThan(20);
  });

  test('that asks for the same as its parent is within it', () => {
    fc.assert(fc.property(manifest, (same) => expect(withinParent(same, same)).toBeUndefined()));
  });

  test('of a child of a parent is within the parent', () => {
    let chains = 0;
    const few = fc.array(manifest, { minLength: 12, maxLength: 12 });
    fc.assert(
      fc.property(few, (manifests) => {
        for (const top of manifests) {
          for (const middle of manifests.filter((one) => one !== top && within(one, top))) {
            for (const bottom of manifests.filter((one) => one !== middle && within(one, middle))) {
              chains++;
              expect(within(bottom, top)).toBe(true);
            }
          }
        }
      }),
      { numRuns: 300 },
    );
    expect(chains).toBeGreaterThan(20);
  });

  test('ends with its parent, and is not praised for its parent’s success', () => {
    expect(OUTCOMES.map(outcomeForChild)).toEqual([
      'cancelled',
      'cancelled',
      'cancelled',
      'expired',
      'revoked',
    ]);
  });
});

describe('a grant', () => {
  const tool: Tool = {
    name: 'crm',
    plane: 'data',
    audience: 'https://crm.example',
    actions: ['read', 'write'],
    sensitivity: 'internal',
    maxTtlMs: 300_000,
    renewable: true,
    credential: { kind: 'jwt' },
  };
  const detail = fc.record({
    actions: fc.option(fc.subarray(ACTIONS, { minLength: 1 }), { nil: undefined }),
    resources: fc.array(glob, { minLength: 1, maxLength: 2 }),
  });
  const ttl = fc.option(fc.integer({ min: 1000, max: 1e8 }), { nil: undefined });
  const asked = fc.record({
    actions: fc.subarray(ACTIONS),
    details: fc.option(fc.array(detail, { minLength: 1, maxLength: 2 }), { nil: undefined }),
    ttlMs: ttl,
  });

  test('has no action, no resource and no time beyond the manifest, the catalogue, the policy and what was asked', () => {
    let grants = 0;
    fc.assert(
      fc.property(
        manifest,
        asked,
        ttl,
        name,
        (held, { ttlMs, details, actions: wanted }, policyMs, resource) => {
          const request = {
            actions: wanted,
            ...(details && { details }),
            ...(ttlMs !== undefined && { ttlMs }),
          };
          const claimed = claim(request, tool, held);
          if (claimed instanceof Refusal) return;
          grants++;
          const grant = narrow(request, claimed, tool, {
            policyDigest: 'd',
            ...(policyMs !== undefined && { maxTtlMs: policyMs }),
          });
          const entry = manifestTool(held, 'crm')!;
          expect(grant.actions.length).toBeGreaterThan(0);
          for (const action of grant.actions) {
            expect([entry.actions.includes(action), tool.actions.includes(action)]).toEqual([true, true]);
            if (wanted.length > 0) expect(wanted).toContain(action);
          }
          expect(grant.ttlMs).toBe(Math.min(ttlMs ?? Infinity, policyMs ?? Infinity, tool.maxTtlMs));
          if (entry.resources) expect(grant.details).toBeDefined();
          for (const one of grant.details ?? []) {
            for (const action of one.actions) expect(grant.actions).toContain(action);
            const may = one.resources.some((pattern) => globMatches(pattern, resource));
            if (may && entry.resources)
              expect(entry.resources.some((pattern) => globMatches(pattern, resource))).toBe(true);
          }
        },
      ),
      { numRuns: 3000 },
    );
    expect(grants).toBeGreaterThan(50);
  });

  test('is never less than what was asked, silently: an excess is refused', () => {
    const held: Manifest = {
      agents: ['*'],
      tools: [{ tool: 'crm', actions: ['read', 'fly'], resources: ['a*'] }],
    };
    const reason = (request: Parameters<typeof claim>[0], from = tool): string => {
      const claimed = claim(request, from, held);
      return claimed instanceof Refusal ? claimed.reason : 'granted';
    };
    expect(reason({ actions: ['read'] })).toBe('granted');
    expect(reason({ actions: ['read', 'write'] })).toBe('action_not_granted');
    expect(reason({ actions: ['fly'] })).toBe('action_not_granted');
    expect(reason({ actions: [] }, { ...tool, actions: ['write'] })).toBe('action_not_granted');
    expect(reason({ actions: [], details: [{ resources: ['a', 'b'] }] })).toBe('resource_not_granted');
    expect(reason({ actions: ['read'], details: [{ actions: ['fly'], resources: ['a'] }] })).toBe(
      'resource_not_granted',
    );
    expect(reason({ actions: [] }, { ...tool, name: 'other' })).toBe('tool_not_in_manifest');
  });
});

const admits = (agents: string[], agent: string): boolean =>
  admitsAgent({ agents, tools: [] }, agent as PrincipalName);

test('a manifest admits the agents that it names, as whole names', () => {
  expect(admits(['cluster/agent-1'], 'cluster/agent-1')).toBe(true);
  expect(admits(['cluster/agent-1'], 'cluster/agent-11')).toBe(false);
  expect(admits(['cluster/agent-*'], 'other/cluster/agent-1')).toBe(false);
  expect(admits([], 'cluster/agent-1')).toBe(false);
});
