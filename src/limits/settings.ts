// What the limits are, as configured. What is absent is switched off.
import type { Rate } from './rate.js';

export interface LimitSettings {
  /** Requests that are no kill, by whom. */
  readonly requestsPerPrincipal?: Rate;
  /** Refusals before anybody is known, by address. */
  readonly refusalsPerAddress?: Rate;
  /** Of those refusals, of all addresses together, so many are recorded one by one. */
  readonly recordedRefusals: Rate;
  readonly liveLeasesPerTask?: number;
  readonly liveLeasesPerAgent?: number;
  readonly openTasksPerOrchestrator?: number;
  readonly openTasksPerTree?: number;
  /** Requests that are held open. */
  readonly waitingPerPrincipal?: number;
  /** Streams of the feed. */
  readonly streams?: number;
  readonly streamsPerPrincipal?: number;
  /** How often it is written down what was refused by limits. */
  readonly summaryEveryMs: number;
}

/** The limits by their names in the configuration, as the audit log has them. */
export type LimitName =
  | 'requests_per_principal'
  | 'refusals_per_address'
  | 'recorded_refusals'
  | 'live_leases_per_task'
  | 'live_leases_per_agent'
  | 'open_tasks_per_orchestrator'
  | 'waiting_per_principal'
  | 'streams'
  | 'streams_per_principal';
