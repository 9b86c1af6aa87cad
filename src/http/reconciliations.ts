// The route by which operators have targets compared with the store.
import { Refusal } from '../domain/refusal.js';
import type { ReconciliationView } from '../wire/reconciliation.js';
import { reconcileBody } from '../wire/reconciliation.js';
import { ok } from './answer.js';
import type { Edge, Respond } from './call.js';
import { parse } from './parse.js';

export const reconciliationRoutes = ({ reconciler }: Edge) =>
  ({
    reconcile: async ({ body, entry }) => {
      const asked = parse(reconcileBody, body ?? {});
      if (asked instanceof Refusal) return asked;
      const targets = await reconciler.run(asked.tool, entry);
      return targets instanceof Refusal
        ? targets
        : ok({ targets: [...targets] } satisfies ReconciliationView);
    },
  }) satisfies Record<string, Respond>;
