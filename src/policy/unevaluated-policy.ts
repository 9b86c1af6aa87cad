// Stands in where policies are configured that nothing here can evaluate: what cannot be decided is denied.
import type { Policy } from './policy.js';

export const unevaluatedPolicy = (policyDigest: string): Policy => ({
  decide: () => ({
    effect: 'deny',
    policyDigest,
    determining: ['policies are configured, and this version evaluates none'],
  }),
});
