// The task of a run of a workflow: opens by itself, from the configuration's template, when the run first asks.
import { AuditEntry } from '../audit/entry.js';
import type { Broker } from '../broker.js';
import type { VerifiedPrincipal } from '../domain/principal.js';
import { Refusal } from '../domain/refusal.js';
import type { OwnRun } from '../domain/run.js';
import type { Task } from '../domain/task.js';
import { openDecided } from './open-task.js';

/** A label holds no more (the contract of POST /v1/tasks). */
const LONGEST_LABEL = 256;

/**
 * The same whichever job comes first, and at whichever broker: the id, the template and the run are all that it is
 * made of. A second event stands beside that of the exchange, under the same request.
 */
export async function openRun(
  broker: Broker,
  principal: VerifiedPrincipal,
  run: OwnRun,
  exchange: AuditEntry,
): Promise<Task | Refusal> {
  const { address, trace_id: traceId } = exchange.facts.detail;
  const entry = new AuditEntry(exchange.requestId, 'task.open', {
    principal: principal.name,
    taskId: run.taskId,
    detail: {
      ...(address !== undefined && { address }),
      ...(traceId !== undefined && { trace_id: traceId }),
    },
  });
  const asked = askedFor(run, principal, broker.maxTaskTtlMs);
  const { purpose, manifest, labels, ttlMs } = asked;
  entry.learn({ run: run.id, purpose, manifest, labels, ttl_ms: ttlMs });
  const opened = await openDecided(broker, principal, run.orchestrator, asked, entry);
  if (!(opened instanceof Refusal)) {
    broker.wake({ by: opened.task.deadline });
    return opened.task;
  }
  return opened;
}

function askedFor(
  { taskId: id, orchestrator, template, id: run }: OwnRun,
  principal: VerifiedPrincipal,
  mostMs: number,
) {
  const { repository } = principal.claims;
  return {
    id,
    purpose: `run ${run} of a workflow`,
    manifest: {
      // Any job of the run, whatever its `sub`, and by the instance no job of another.
      agents: [`${orchestrator}/*`],
      tools: template.tools,
      instance: { kind: 'run', id: run },
    },
    labels: typeof repository === 'string' ? { repository: repository.slice(0, LONGEST_LABEL) } : {},
    ttlMs: Math.min(template.ttlMs, mostMs),
  } as const;
}
