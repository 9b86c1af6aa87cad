// Why a call came to nothing, for programs: a stable code, and what the broker said.
import type { AwsError } from '../../wire/aws.js';
import type { OAuthError, Problem } from '../../wire/common.js';

export type MayflyErrorCode =
  /** The call or the client was put together wrongly; nothing was sent. */
  | 'ERR_USAGE'
  /** There is no workload token, what the source gave is none, or it is bound to a key that is not ours; nothing was sent. */
  | 'ERR_TOKEN_SOURCE'
  /** No connection, or it broke: whether the broker acted is unknown. */
  | 'ERR_UNREACHABLE'
  /** No answer in time: whether the broker acted is unknown. */
  | 'ERR_TIMEOUT'
  /** What answers there is no Mayfly broker: a page, a redirect, something that is not JSON. */
  | 'ERR_NOT_A_BROKER'
  /** 401, and `invalid_client` at an OAuth endpoint. */
  | 'ERR_UNAUTHENTICATED'
  /** 403. */
  | 'ERR_FORBIDDEN'
  /** 404: there is no such thing, or it is not yours. The two look alike on purpose. */
  | 'ERR_NOT_FOUND'
  /** 409. */
  | 'ERR_CONFLICT'
  /** 429: a limit. `retryAfterMs` says when to come again. */
  | 'ERR_LIMITED'
  /** 503: not now. */
  | 'ERR_UNAVAILABLE'
  /** Any other 5xx. */
  | 'ERR_FAULT'
  /** Any other refusal. Of an OAuth endpoint `oauthError` tells which. */
  | 'ERR_REFUSED'
  /** The task has ended, and all that was issued for it: nothing more is to be had. Said by `mayfly/agent` and `mayfly/orchestrator`. */
  | 'ERR_TASK_OVER'
  /** Nobody confirmed that the task was closed: it may live until its deadline. Said by `mayfly/orchestrator` alone. */
  | 'ERR_KILL_UNCONFIRMED';

export interface MayflyErrorFacts {
  /** Of the HTTP answer; absent where there was none. */
  readonly status?: number;
  /** The problem's name, as in docs/http.md: `task-closed`, `not-found`. */
  readonly problem?: string;
  /** `error` of an OAuth endpoint: `invalid_target`, `invalid_scope`. */
  readonly oauthError?: string;
  /** What an operator finds the true reason by: `mayfly why req_…`. */
  readonly requestId?: string;
  /** How long the broker asks to wait before the next try. */
  readonly retryAfterMs?: number;
  /** About the caller's own input. */
  readonly detail?: string;
  /** Each thing that is wrong with a body. */
  readonly flaws?: readonly { readonly at: string; readonly message: string }[];
  /** By when a task ends that nobody confirmed to be closed: RFC 3339, by the broker's clock. */
  readonly deadline?: string;
}

/** Any failure of a call, except that the caller's own signal ended it: then the signal's reason is thrown. */
export class MayflyError extends Error implements MayflyErrorFacts {
  readonly code: MayflyErrorCode;
  declare readonly status?: number;
  declare readonly problem?: string;
  declare readonly oauthError?: string;
  declare readonly requestId?: string;
  declare readonly retryAfterMs?: number;
  declare readonly detail?: string;
  declare readonly flaws?: readonly { readonly at: string; readonly message: string }[];
  declare readonly deadline?: string;

  constructor(code: MayflyErrorCode, message: string, facts: MayflyErrorFacts = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'MayflyError';
    this.code = code;
    Object.assign(this, facts);
  }
}

/** What is known of a failure, for an error that is made of it. */
export const factsIn = ({
  name: _name,
  code: _code,
  message: _message,
  ...facts
}: MayflyError): MayflyErrorFacts => facts;

const CODES: Readonly<Record<number, MayflyErrorCode>> = {
  401: 'ERR_UNAUTHENTICATED',
  403: 'ERR_FORBIDDEN',
  404: 'ERR_NOT_FOUND',
  409: 'ERR_CONFLICT',
  429: 'ERR_LIMITED',
  503: 'ERR_UNAVAILABLE',
};

function codeOf(status: number): MayflyErrorCode {
  // Redirects are not followed: they would carry the token to wherever they point.
  if (status < 400) return 'ERR_NOT_A_BROKER';
  return CODES[status] ?? (status >= 500 ? 'ERR_FAULT' : 'ERR_REFUSED');
}

/** From problem details (RFC 9457), an OAuth error (RFC 6749 §5.2), an error of AWS, or whatever stands between us and the broker. */
export function refusalOf(response: Response, text: string, now: number): MayflyError {
  const { status } = response;
  const said = saidIn(text);
  const problem = textOf(said.type)?.replace(/^urn:mayfly:problem:/, '');
  const oauthError = textOf(said.error);
  const message =
    textOf(said.title) ??
    textOf(said.error_description) ??
    oauthError ??
    awsMessage(said) ??
    `answered with status ${status}`;
  const requestId = response.headers.get('x-request-id');
  const retryAfterMs = retryAfterOf(response.headers.get('retry-after'), now);
  const detail = textOf(said.detail);
  const flaws = flawsIn(said.flaws);
  return new MayflyError(codeOf(status), message, {
    status,
    ...(problem !== undefined && { problem }),
    ...(oauthError !== undefined && { oauthError }),
    ...(requestId !== null && { requestId }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(detail !== undefined && { detail }),
    ...(flaws.length > 0 && { flaws }),
  });
}

/** RFC 9110 §10.2.3: seconds, or a date. */
function retryAfterOf(header: string | null, now: number): number | undefined {
  if (header === null) return undefined;
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}

type Said = Partial<Record<keyof (Problem & OAuthError & AwsError), unknown>>;

/** The request id, which stands in it too, is a fact of its own here. */
const awsMessage = ({ Message: message }: Said): string | undefined =>
  textOf(message)?.replace(/ \(req_\w+\)$/, '');

function saidIn(text: string): Said {
  try {
    const said: unknown = JSON.parse(text);
    return said !== null && typeof said === 'object' ? said : {};
  } catch {
    return {};
  }
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

function flawsIn(value: unknown): { at: string; message: string }[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((flaw: Partial<Record<'at' | 'message', unknown>> | null) => {
    const at = textOf(flaw?.at);
    const message = textOf(flaw?.message);
    return at === undefined || message === undefined ? [] : [{ at, message }];
  });
}
