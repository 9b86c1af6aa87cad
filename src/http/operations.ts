// Routes of operators and auditors: kills, quarantines, the audit log; and the catalogue, for anyone.
import type { Broker } from '../broker.js';
import { Refusal } from '../domain/refusal.js';
import { previewRecovery, recover } from '../revocation/recover.js';
import { previewRevocation, revoke } from '../revocation/revoke.js';
import type { AuditList } from '../wire/audit.js';
import { auditQuery } from '../wire/audit.js';
import { recoverBody, recoverQuery } from '../wire/recovery.js';
import { revokeBody, revokeQuery, selectorOf } from '../wire/revocations.js';
import { ok } from './answer.js';
import type { Respond } from './call.js';
import { present } from './page.js';
import { parse } from './parse.js';
import {
  auditEventView,
  previewView,
  quarantineView,
  recoveryPreviewView,
  recoveryView,
  revocationView,
  toolView,
} from './views.js';

export const operationRoutes = (broker: Broker) =>
  ({
    revoke: async ({ principal, body, query, entry }) => {
      const asked = parse(revokeBody, body);
      if (asked instanceof Refusal) return asked;
      const how = parse(revokeQuery, query);
      if (how instanceof Refusal) return how;
      const select = selectorOf(asked.select);
      if (how.preview === 'true') {
        entry.facts.action = 'revocation.preview';
        return ok(previewView(select, await previewRevocation(broker, select, entry)));
      }
      const { reason, quarantine } = asked;
      const killed = await revoke(broker, principal, { select, reason, quarantine }, entry);
      return ok(revocationView(killed, quarantine), 202);
    },

    recover: async ({ principal, body, query, entry }) => {
      const asked = parse(recoverBody, body);
      if (asked instanceof Refusal) return asked;
      const how = parse(recoverQuery, query);
      if (how instanceof Refusal) return how;
      const { reason, keep_tasks: keepTasks, cutoff } = asked;
      if (how.preview === 'true') {
        entry.facts.action = 'revocation.preview';
        return ok(recoveryPreviewView(await previewRecovery(broker, { keepTasks }, entry)));
      }
      const recovery = { reason, keepTasks, ...(cutoff !== undefined && { cutoff }) };
      const recovered = await recover(broker, principal, recovery, entry);
      if (recovered instanceof Refusal) return recovered;
      return ok(recoveryView(recovered, reason), recovered.done ? 200 : 202);
    },

    listQuarantines: async () => ok({ quarantines: (await broker.store.quarantines()).map(quarantineView) }),

    liftQuarantine: async ({ params, entry }) => {
      const lifted = await broker.store.liftQuarantine(params['agent'] ?? '', entry);
      return lifted instanceof Refusal ? lifted : ok(quarantineView(lifted));
    },

    readAudit: async ({ query, entry }) => {
      const asked = parse(auditQuery, query);
      if (asked instanceof Refusal) return asked;
      entry.learn({ query: asked });
      const events = await broker.store.auditEvents(present(asked));
      const last = events.at(-1);
      const more = last && events.length === asked.limit ? { next: last.sequence } : {};
      return ok({ events: events.map(auditEventView), ...more } satisfies AuditList);
    },

    listTools: () => Promise.resolve(ok({ tools: broker.rules().catalogue.all().map(toolView) })),
  }) satisfies Record<string, Respond>;
