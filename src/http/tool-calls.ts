// The route by which verifiers put on record what was done with the credentials that they were shown.
import { toolCallEvent } from '../audit/tool-call.js';
import type { Broker } from '../broker.js';
import { HOUR_MS } from '../domain/duration.js';
import { reachesTool, rolesOf } from '../domain/principal.js';
import { Refusal } from '../domain/refusal.js';
import type { ToolCallsView } from '../wire/tool-calls.js';
import { toolCallsBody } from '../wire/tool-calls.js';
import { ok } from './answer.js';
import type { Respond } from './call.js';
import { parse } from './parse.js';

/** Longer than a verifier goes on sending the same batch. */
const BATCH_KNOWN_FOR_MS = HOUR_MS;

export const toolCallRoutes = (broker: Broker) =>
  ({
    reportToolCalls: async ({ principal, body, entry }) => {
      const report = parse(toolCallsBody, body);
      if (report instanceof Refusal) return report;
      const { batch, dropped, calls } = report;
      entry.learn({ batch, calls: calls.length, ...(dropped !== undefined && { dropped }) });
      const grants = rolesOf(principal, 'verifier');
      // Whole or not at all: a verifier that speaks for others' tools is not believed about its own either.
      const foreign = calls.find(({ tool }) => !reachesTool(grants, tool));
      if (foreign) return new Refusal('target_unknown', `tool ${foreign.tool} is not the caller's`);
      const reported = { by: principal.name, requestId: entry.requestId };
      const recorded = await broker.store.recordBatch({
        name: `${principal.name}\n${batch}`,
        events: calls.map((call) => toolCallEvent(call, reported)),
        knownForMs: BATCH_KNOWN_FOR_MS,
      });
      entry.learn({ recorded });
      return ok({ recorded } satisfies ToolCallsView, 202);
    },
  }) satisfies Record<string, Respond>;
