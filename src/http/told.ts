// What the metrics are told of a request that came to its answer.
import type { AuditAction, AuditOutcome } from '../audit/event.js';
import type { RefusalReason } from '../domain/refusal.js';
import type { Metrics } from '../telemetry/metrics.js';

/** Of requests that no route takes. */
export const NO_ROUTE = 'none';

/** How a route is named in metrics and in the contract: `GET /v1/tasks/{id}`. */
export const routeName = (method: string, path: string): string =>
  `${method.toUpperCase()} ${path.replaceAll(/[:*](\w+)/g, '{$1}')}`;

export interface Told {
  readonly route: string;
  readonly action: AuditAction;
  /** Whether it was found out who calls. */
  readonly isKnown: boolean;
  readonly outcome: AuditOutcome;
  readonly reason: RefusalReason | undefined;
  readonly status: number;
  readonly seconds: number;
}

export function tell(
  metrics: Metrics,
  { route, action, isKnown, outcome, reason, status, seconds }: Told,
): void {
  metrics.count('http_requests_total', route, String(status));
  metrics.observe('http_request_duration_seconds', seconds, route);
  if (action === 'token.exchange') metrics.count('exchanges_total', outcome, reason ?? '');
  if (action === 'lease.renew') metrics.count('renewals_total', outcome, reason ?? '');
  if (reason === undefined) return;
  metrics.count('refusals_total', action, reason);
  const limit = reason === 'rate_limited' ? RATES[isKnown ? 'known' : 'unknown'] : LIMITS[reason];
  if (limit !== undefined) metrics.count('limited_total', limit);
  if (reason.startsWith('proof_')) metrics.count('dpop_proofs_total', reason);
}

/** By what holds back: the names of the limits in the configuration. */
const RATES = { known: 'requests_per_principal', unknown: 'refusals_per_address' } as const;
const LIMITS: Partial<Record<RefusalReason, string>> = {
  too_many_leases: 'live_leases',
  too_many_tasks: 'open_tasks_per_orchestrator',
  too_many_children: 'open_tasks_per_tree',
};
