// Finds what no policy permits to anybody: a set without a permit for openings is a broker without tasks.
import type { CompiledPolicy } from './compiled-policy.js';

const CLOSED = {
  open_task: 'no policy permits open_task: nobody opens a task, and without one there is no credential',
  exchange: 'no policy permits exchange: no agent gets a credential',
};

/** A sentence for each action without which nothing goes, and that no permit is about. */
export const notPermitted = (policies: readonly CompiledPolicy[]): string[] =>
  Object.entries(CLOSED).flatMap(([action, told]) =>
    policies.some(({ effect, actions }) => effect === 'permit' && (actions?.includes(action) ?? true))
      ? []
      : [told],
  );
