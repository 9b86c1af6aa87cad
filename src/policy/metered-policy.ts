// A policy whose decisions are counted.
import type { Metrics } from '../telemetry/metrics.js';
import type { Policy } from './policy.js';

export const meteredPolicy = (policy: Policy, metrics: Metrics): Policy => ({
  ...policy,
  decide(input) {
    const decision = policy.decide(input);
    metrics.count('policy_decisions_total', input.action, decision.effect);
    return decision;
  },
});
