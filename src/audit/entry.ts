// One request's entry in the audit log while the request is under way: filled as facts are learnt, concluded once.
import type { RequestId, TaskId } from '../domain/ids.js';
import type { TraceContext } from '../domain/trace-context.js';
import type { AuditAction, AuditConclusion, AuditEvent, AuditFacts } from './event.js';

/**
 * Handed from the edge through the use case to the store. A transition concludes it in its own transaction;
 * an entry that nobody concluded is recorded by the edge, so that no exit goes without one (invariant 7).
 */
export class AuditEntry {
  readonly facts: AuditFacts;
  /** Of which trace the request is a part: for what others are asked for its sake. */
  readonly trace: TraceContext | undefined;
  /** The root of the tree that a refusal of this request counts for (`TreeContext.refusals`). */
  refusalOf?: TaskId;
  #concluded = false;

  constructor(
    requestId: RequestId,
    action: AuditAction,
    facts: Partial<Omit<AuditFacts, 'requestId' | 'action'>> = {},
    trace?: TraceContext,
  ) {
    this.trace = trace;
    this.facts = { requestId, action, detail: {}, ...facts };
  }

  get requestId(): RequestId {
    return this.facts.requestId;
  }

  get concluded(): boolean {
    return this.#concluded;
  }

  /** Adds facts to the detail; what is undefined stays out. */
  learn(detail: Record<string, unknown>): void {
    Object.assign(this.facts.detail, detail);
  }

  /** Called by a store once the event is durable. */
  markConcluded(): void {
    this.#concluded = true;
  }
}

/** An event with how it ended, before it is recorded. */
export interface ConcludedEntry {
  readonly entry: AuditEntry;
  readonly conclusion: AuditConclusion;
}

/** Events that are told together, and may be told again. */
export interface AuditBatch {
  /** The same name is the same events, in the same order. */
  readonly name: string;
  readonly events: readonly ConcludedEntry[];
  /** For how long the name is known, from the first time on. */
  readonly knownForMs: number;
}

/** The event as it is written, without the sequence, which the log gives. */
export function concludedEvent(
  entry: AuditEntry,
  conclusion: AuditConclusion,
  at: number,
): Omit<AuditEvent, 'sequence'> {
  const { facts } = entry;
  const leaseId = conclusion.leaseId ?? facts.leaseId;
  const taskId = conclusion.taskId ?? facts.taskId;
  return {
    requestId: facts.requestId,
    action: facts.action,
    at,
    outcome: conclusion.outcome,
    ...(conclusion.reason && { reason: conclusion.reason }),
    ...(facts.principal && { principal: facts.principal }),
    ...(taskId && { taskId }),
    ...(leaseId && { leaseId }),
    ...(facts.tool && { tool: facts.tool }),
    detail: withoutTokens(conclusion.detail ? { ...facts.detail, ...conclusion.detail } : facts.detail),
  };
}

const TOKEN = /\beyJ[\w-]+\.[\w-]+\.[\w-]*/g;
const MOST_OF_WHY = 1000;

/** Why something was refused may quote what was sent: a token in the wrong parameter is not to stand here (invariant 6). */
export function withoutTokens(detail: Record<string, unknown>): Record<string, unknown> {
  const { why } = detail;
  return typeof why === 'string'
    ? { ...detail, why: why.replaceAll(TOKEN, '[token]').slice(0, MOST_OF_WHY) }
    : detail;
}
