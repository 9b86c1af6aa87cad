// Limits that are switched off, and what that leaves open.
import type { Settings } from '../../config/settings.js';
import type { LimitSettings } from '../../limits/settings.js';
import { type Finding, caution, ok } from './finding.js';

const OPEN: Readonly<Partial<Record<keyof LimitSettings, string>>> = {
  requestsPerPrincipal: 'requests_per_principal is off: one caller can keep a broker from all others',
  refusalsPerAddress: 'refusals_per_address is off: garbage from one address can keep a broker busy',
  liveLeasesPerAgent: 'live_leases_per_agent is off: one agent can fill the store with leases',
  openTasksPerOrchestrator:
    'open_tasks_per_orchestrator is off: one orchestrator can fill the store with tasks',
};

export function limitFindings({ limits }: Settings): Finding[] {
  const off = (Object.keys(OPEN) as (keyof LimitSettings)[]).filter((name) => limits[name] === undefined);
  if (off.length === 0) return [ok('limits', 'rates, leases and tasks are limited')];
  return off.map((name) => caution('limits', OPEN[name]!, 'Set it; docs/limits.md tells how high.'));
}
