// One call, from the socket to the answer: who is it, may it, what came of it, and the record of that on every exit.
import type { IncomingMessage } from 'node:http';
import { AuditEntry } from '../audit/entry.js';
import type { AuditAction, AuditOutcome } from '../audit/event.js';
import type { Broker } from '../broker.js';
import { requestId } from '../domain/ids.js';
import { Refusal } from '../domain/refusal.js';
import { StoreUnavailable } from '../store/store.js';
import type { Log } from '../telemetry/log.js';
import type { KeyRing } from '../keys/key-ring.js';
import type { HeldCredentials } from '../issuance/held-credentials.js';
import type { Feed } from '../revocation/feed/index.js';
import type { Reconciler } from '../revocation/reconcile/reconciler.js';
import type { Metrics } from '../telemetry/metrics.js';
import type { Access, Dialect } from './access.js';
import { dialectOf } from './access.js';
import type { Answer } from './answer.js';
import type { Caller, Door } from './caller.js';
import { callerOf } from './caller.js';
import { withNonce } from './proof.js';
import type { Arrival } from './arrival.js';
import { arrivalOf } from './arrival.js';
import type { Proxies } from './proxies.js';
import type { HeaderLines } from './security-headers.js';
import type { StatusListEdge } from './status-lists.js';
import { faultAnswer, refusalAnswer, callerAnswer } from './errors.js';
import { toldInSummary } from './limited.js';
import { routeName, tell } from './told.js';

export interface Edge extends Door, StatusListEdge {
  readonly broker: Broker;
  readonly feed: Feed;
  /** What the feed is signed with: published apart, as nothing that it signs is a credential. */
  readonly feedKeys: KeyRing;
  readonly receiptKeys: KeyRing;
  readonly reconciler: Reconciler;
  /** What the broker shows to AWS is signed with, in the name of an issuer of its own. */
  readonly awsKeys: KeyRing;
  /** For who asks for one that it has. */
  readonly held: HeldCredentials;
  /** What that trust is: another object once the configuration was swapped. */
  trust(): unknown;
  readonly log: Log;
  readonly metrics: Metrics;
  /** All of them, as Prometheus reads them. */
  metricsPage(): Promise<{ type: string; text: string }>;
  readonly bodyLimitBytes: number;
  readonly proxies: Proxies;
  readonly securityHeaders: HeaderLines;
  /** Set once the broker is going down: no new work. */
  draining(): boolean;
}

export interface Call extends Caller {
  readonly entry: AuditEntry;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, unknown>>;
  /** JSON, or a form as a Map; checked by the route. */
  readonly body: unknown;
  /** Where a stream that broke off is to go on, as its reader says. */
  readonly lastEventId?: string;
}

/** What a request says, beside who makes it. */
export type Asked = Pick<Call, 'params' | 'query' | 'body' | 'lastEventId'>;

export type Respond = (call: Call) => Promise<Answer | Refusal>;

/** What `settle` needs to know of an exchange that is under way. */
export interface Exchange {
  readonly entry: AuditEntry;
  readonly dialect: Dialect;
  /** One of few: whoever calls does not choose it. */
  readonly route: string;
  /** Whether it is one that nothing may hold back. */
  readonly kills?: boolean;
  /** The answer to a refusal, where it is not what the dialect says. */
  refused?(refusal: Refusal): Answer | undefined;
}

/** Where it came from stands in the record from the first: also of what is refused before anybody is known. */
export const newEntry = (action: AuditAction, { address, trace }: Arrival): AuditEntry =>
  new AuditEntry(
    requestId(),
    action,
    { detail: trace ? { address, trace_id: trace.traceId } : { address } },
    trace,
  );

/** By what a line of the log is found again: the caller's request id, and the trace that it is a part of. */
const namesOf = (entry: AuditEntry): { request_id: string; trace_id?: string } => ({
  request_id: entry.requestId,
  ...(entry.trace && { trace_id: entry.trace.traceId }),
});

/**
 * Runs the work of one request to its answer. Every exit is recorded: by the transition, or else here. A refusal
 * is told only once it is on record; where nothing can be recorded, nothing is said but "not now" (invariant 7).
 * Of refusals that come in floods there is a record in summary: src/limits/summary.ts.
 */
export async function settle(
  edge: Edge,
  exchange: Exchange,
  work: () => Promise<Answer | Refusal>,
): Promise<Answer> {
  const { broker, log, metrics } = edge;
  const { entry, route } = exchange;
  const began = performance.now();
  let outcome: AuditOutcome = 'permitted';
  let reason: Refusal['reason'] | undefined;
  let answer: Answer;
  try {
    const result = await work();
    if (result instanceof Refusal) {
      ({ reason } = result);
      outcome = 'refused';
      answer = await refused(edge, exchange, result);
    } else {
      if (!entry.concluded) recordInPassing(broker, entry, log);
      answer = result;
    }
  } catch (error) {
    outcome = 'failed';
    reason = error instanceof StoreUnavailable ? 'store_unavailable' : undefined;
    answer = await failed(broker, log, exchange, error);
  }
  const seconds = (performance.now() - began) / 1000;
  const { action, principal } = entry.facts;
  tell(metrics, {
    route,
    action,
    isKnown: principal !== undefined,
    outcome,
    reason,
    status: answer.status,
    seconds,
  });
  return answer;
}

async function refused(edge: Edge, exchange: Exchange, refusal: Refusal): Promise<Answer> {
  const { entry, dialect, kills = false } = exchange;
  if (!entry.concluded && !toldInSummary(edge, entry, refusal, kills)) {
    if (refusal.detail !== undefined) entry.learn({ why: refusal.detail });
    await edge.broker.store.record(entry, { outcome: 'refused', reason: refusal.reason });
  }
  return exchange.refused?.(refusal) ?? refusalAnswer(refusal, entry.requestId, dialect);
}

/** A read that was answered: its event goes with the next commit, and the answer does not wait for it. */
function recordInPassing(broker: Broker, entry: AuditEntry, log: Log): void {
  broker.store
    .recordInPassing(entry, { outcome: 'permitted' })
    .catch((error: unknown) => log.error({ err: error, ...namesOf(entry) }, 'an audit event was lost'));
}

async function failed(
  broker: Broker,
  log: Log,
  { entry, dialect }: Exchange,
  error: unknown,
): Promise<Answer> {
  log.error({ err: error, ...namesOf(entry), action: entry.facts.action }, 'a request failed');
  if (error instanceof StoreUnavailable) {
    return refusalAnswer(new Refusal('store_unavailable'), entry.requestId, dialect);
  }
  // What was done is on record; that the answer to it failed is for the log.
  if (entry.concluded) return faultAnswer(entry.requestId, dialect);
  try {
    entry.learn({ error: error instanceof Error ? error.message : String(error) });
    await broker.store.record(entry, { outcome: 'failed' });
  } catch (unrecorded) {
    log.error({ err: unrecorded, ...namesOf(entry) }, 'an audit event was lost');
  }
  return faultAnswer(entry.requestId, dialect);
}

/** A call of a route in the access table: authenticated by its bearer token, then let in by role. */
export async function answerCall(
  edge: Edge,
  access: Access,
  request: IncomingMessage,
  read: () => Promise<Asked | Refusal>,
  respond: Respond,
): Promise<{ answer: Answer; requestId: string }> {
  const entry = newEntry(access.action, arrivalOf(request, edge.proxies));
  const dialect = dialectOf(access);
  let letIn = false;
  let nonce: string | undefined;
  const callerRefused = (refusal: Refusal): Answer | undefined =>
    !letIn && dialect === 'oauth' ? callerAnswer(refusal) : undefined;

  const route = routeName(access.method, access.path);
  const answer = await settle(
    edge,
    { entry, dialect, route, kills: access.kills, refused: callerRefused },
    async () => {
      if (edge.draining()) return new Refusal('shutting_down');
      const caller = await callerOf(edge, access, request, entry, (next) => (nonce = next));
      if (caller instanceof Refusal) return caller;
      letIn = true;
      const trust = edge.trust();
      const given = await read();
      // A body may come slowly: what the trust said before it came may hold no more.
      if (edge.trust() !== trust) return new Refusal('trust_changed');
      return given instanceof Refusal ? given : respond({ ...caller, entry, ...given });
    },
  );
  return { answer: withNonce(answer, nonce), requestId: entry.requestId };
}
