// Policies as a house writes them, as many as are wanted: some for one tool, some for all, some that only narrow.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { TOOL } from './broker.js';

const TOOLS = 20;

/**
 * The first one permits what the benchmarks ask for. Of the others one in ten is about the tool that is asked for, a fifth
 * are about any tool, and a tenth forbid.
 */
export function policyText(count: number): string {
  return Array.from({ length: count }, (_, nth) => policy(nth)).join('\n');
}

export function writePolicies(folder: string, count: number): void {
  mkdirSync(path.join(folder, 'policies'), { recursive: true });
  writeFileSync(path.join(folder, 'policies', 'bench.cedar'), policyText(count));
}

const EXCHANGES = 'action in [Action::"exchange", Action::"renew"]';
const GROUPS = (group: string): string =>
  `principal.hasTag("groups") && principal.getTag("groups").contains("${group}")`;

function policy(nth: number): string {
  const id = `@id("p${nth}")`;
  if (nth === 0) return `${id} permit (principal is Orchestrator, action == Action::"open_task", resource);`;
  if (nth === 1)
    return `${id} @max_ttl("30m") permit (principal is Agent, ${EXCHANGES}, resource == Tool::"${TOOL.name}") when { ["read", "write"].containsAll(context.actions) && context.plane == "data" };`;
  if (nth % 10 === 2)
    return `${id} forbid (principal is Agent, action, resource) when { context.signals.contains("kind_${nth}") && context.actions.contains("write") };`;
  if (nth % 10 === 3)
    return `${id} permit (principal is Agent, ${EXCHANGES}, resource) when { ${GROUPS(`team-${nth}`)} && context.labels.contains("team=team-${nth}") };`;
  if (nth % 10 === 4)
    return `${id} permit (principal is Agent, ${EXCHANGES}, resource) when { context has network.address && context.network.address.isInRange(ip("10.${nth % 256}.0.0/16")) && context.time.hour < 18 };`;
  const tool = nth % 10 === 5 ? TOOL.name : `tool-${nth % TOOLS}`;
  return `${id} permit (principal is Agent, ${EXCHANGES}, resource == Tool::"${tool}") when { ${GROUPS(`group-${nth}`)} && context.ttl <= 300 && ["public", "internal"].contains(context.sensitivity) };`;
}
