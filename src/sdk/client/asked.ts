// What calls ask for beside the bodies of the contract: the parameters of an exchange, and the filters of lists.
import type { LeaseView } from '../../wire/leases.js';
import type { TaskView } from '../../wire/tasks.js';

/** The parameters of `POST /token` (docs/http.md), but for the subject token, which is the client's own. */
export interface ExchangeRequest {
  readonly task_id: string;
  /** The tool's name. Or use `resource`. */
  readonly audience?: string;
  /** The tool's audience URI (RFC 8707). */
  readonly resource?: string;
  /** Actions. Absent: all that the manifest has. */
  readonly scope?: string | readonly string[];
  /** Resources wanted (RFC 9396). Absent: all that the manifest has. */
  readonly authorization_details?: readonly object[];
  /** Seconds: the answer may be less, never more. */
  readonly requested_expiry?: number;
}

const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const JWT = 'urn:ietf:params:oauth:token-type:jwt';

export function exchangeForm(asked: ExchangeRequest, subjectToken: string): URLSearchParams {
  const { scope, authorization_details: details, requested_expiry: expiry, ...names } = asked;
  const scopeText = typeof scope === 'string' || scope === undefined ? scope : scope.join(' ');
  return formOf({
    grant_type: TOKEN_EXCHANGE,
    subject_token: subjectToken,
    subject_token_type: JWT,
    ...names,
    scope: scopeText,
    authorization_details: details && JSON.stringify(details),
    requested_expiry: expiry === undefined ? undefined : String(expiry),
  });
}

export function formOf(parameters: Readonly<Record<string, string | undefined>>): URLSearchParams {
  const form = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) form.set(name, value);
  return form;
}

/** `limit`: how many a page may hold, 1 to 200; 50 unless you say otherwise. */
interface Page {
  readonly limit?: number;
}

export interface TaskFilter extends Page {
  readonly state?: TaskView['state'];
  /** A task and all below it. */
  readonly tree?: string;
  /** The page that follows this task. */
  readonly after?: string;
}

export interface LeaseFilter extends Page {
  readonly agent?: string;
  /** With all below it. */
  readonly task?: string;
  readonly tool?: string;
  readonly state?: LeaseView['state'];
  /** The page that follows this lease. */
  readonly after?: string;
}

export interface AuditFilter extends Page {
  readonly task?: string;
  readonly agent?: string;
  readonly lease?: string;
  readonly request?: string;
  /** Only events with a higher sequence. */
  readonly after?: number;
  /** Only events with a lower sequence: the page that follows. */
  readonly before?: number;
}
