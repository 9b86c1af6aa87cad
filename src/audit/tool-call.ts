// A tool call as a verifier reports it, as an event of the audit log: its word, held to forms before it is recorded.
import type { LeaseId, PrincipalName, RequestId, TaskId } from '../domain/ids.js';
import type { ConcludedEntry } from './entry.js';
import { AuditEntry } from './entry.js';

export interface ToolCall {
  /** By the clock of the verifier, milliseconds. */
  readonly at: number;
  readonly tool: string;
  readonly action?: string;
  readonly resource?: string;
  readonly outcome: 'accepted' | 'refused';
  readonly reason?: string;
  readonly lease?: LeaseId;
  readonly task?: TaskId;
  readonly agent?: string;
  readonly token_digest?: string;
  readonly detail?: Readonly<Record<string, string | number | boolean>>;
}

export interface Reported {
  readonly by: PrincipalName;
  readonly requestId: RequestId;
}

/**
 * `principal` is whose credential it was as the verifier says, and `reported_by` who says so. What a stranger may have
 * made up (an action, a resource) is never a reason to refuse a report: it would take the reports beside it along.
 */
export function toolCallEvent(call: ToolCall, { by, requestId }: Reported): ConcludedEntry {
  const {
    at,
    tool,
    action,
    resource,
    outcome,
    reason,
    lease,
    task,
    agent,
    token_digest: token,
    detail,
  } = call;
  const entry = new AuditEntry(requestId, 'tool.call', {
    ...(agent !== undefined && { principal: agent as PrincipalName }),
    ...(task !== undefined && { taskId: task }),
    ...(lease !== undefined && { leaseId: lease }),
    tool,
    detail: {
      reported_by: by,
      reported_at: new Date(at).toISOString(),
      ...(action !== undefined && { action: ofForm(ACTION, action) }),
      ...(resource !== undefined && { resource: recordable(resource) }),
      ...(reason !== undefined && { reason }),
      ...(token !== undefined && { token }),
      ...(detail && { more: wordsOf(detail) }),
    },
  });
  return { entry, conclusion: { outcome: outcome === 'accepted' ? 'permitted' : 'refused' } };
}

/** RFC 6749 §3.3, as in the catalogue. */
const ACTION = /^[\x21\x23-\x5b\x5d-\x7e]{1,64}$/;
/** Too short for a secret that is worth stealing. */
const WORD = /^[\w.:/-]{1,32}$/;
/** Also half of one: a JSON object in base64url. */
const TOKEN = /eyJ[\w-]{8,}(?:\.[\w-]*){0,2}/g;
const MOST_OF_RESOURCE = 512;

const ofForm = (form: RegExp, text: string): string =>
  form.test(text) && text.search(TOKEN) < 0 ? text : '[unreadable]';

/** A query is where secrets stand in addresses. */
const recordable = (resource: string): string =>
  resource
    .replace(/[?#][^]*$/, (rest) => `${rest[0]!}[…]`)
    .replaceAll(TOKEN, '[token]')
    .replaceAll(/[^\x21-\x7e…]/g, '?')
    .slice(0, MOST_OF_RESOURCE);

const wordsOf = (detail: NonNullable<ToolCall['detail']>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(detail).map(([name, value]) => [
      name,
      typeof value === 'string' ? ofForm(WORD, value) : value,
    ]),
  );
