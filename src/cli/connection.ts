// The way from a command to a broker: the client, whose failures become messages and exit codes for people.
import { isRequestId } from '../domain/ids.js';
import type { ClientOptions, MayflyError, MayflyErrorCode } from '../sdk/client/index.js';
import { MayflyClient } from '../sdk/client/index.js';
import { EXIT, type ExitCode, Failure } from './failure.js';

export class Connection {
  readonly client: MayflyClient;
  #aheadMs = 0;

  constructor(options: Omit<ClientOptions, 'onAnswer'>) {
    this.client = new MayflyClient({
      ...options,
      onAnswer: ({ brokerTime }) => {
        // The header has whole seconds: where clocks agree, ours is the finer one.
        const aheadMs = (brokerTime ?? Date.now()) - Date.now();
        this.#aheadMs = Math.abs(aheadMs) < 2000 ? 0 : aheadMs;
      },
    });
  }

  /** The broker's time, in milliseconds, as of its last answer. */
  now(): number {
    return Date.now() + this.#aheadMs;
  }
}

const EXITS: Readonly<Record<MayflyErrorCode, ExitCode>> = {
  ERR_USAGE: EXIT.usage,
  ERR_TOKEN_SOURCE: EXIT.denied,
  ERR_UNREACHABLE: EXIT.unavailable,
  ERR_TIMEOUT: EXIT.unavailable,
  ERR_NOT_A_BROKER: EXIT.unavailable,
  ERR_UNAUTHENTICATED: EXIT.denied,
  ERR_FORBIDDEN: EXIT.denied,
  ERR_NOT_FOUND: EXIT.notFound,
  ERR_CONFLICT: EXIT.refused,
  ERR_LIMITED: EXIT.refused,
  ERR_UNAVAILABLE: EXIT.unavailable,
  ERR_FAULT: EXIT.unavailable,
  ERR_REFUSED: EXIT.refused,
  ERR_TASK_OVER: EXIT.refused,
  ERR_KILL_UNCONFIRMED: EXIT.unavailable,
};

/** @param called how the command is called, for what is proposed after a refusal */
export function failureOf(error: MayflyError, called: string): Failure {
  const { code, status, problem, oauthError, requestId, retryAfterMs, detail, flaws = [] } = error;
  const facts = {
    ...(status !== undefined && { status }),
    ...((problem ?? oauthError) !== undefined && { type: problem ?? oauthError }),
    ...(requestId !== undefined && { request_id: requestId }),
    ...(retryAfterMs !== undefined && { retry_after_seconds: retryAfterMs / 1000 }),
    ...(flaws.length > 0 && { flaws }),
  };
  const more = flaws.map(({ at, message }) => `  ${at}: ${message}`);
  if (more.length === 0 && detail !== undefined) more.push(`  ${detail}`);
  if (retryAfterMs !== undefined) more.push(`  try again in ${Math.ceil(retryAfterMs / 1000)} s`);
  if (status !== undefined) more.push(...whoSaid(error, called));
  return new Failure(EXITS[code], error.message, more, facts);
}

function whoSaid({ status, problem, oauthError, requestId }: MayflyError, called: string): string[] {
  if (requestId === undefined || !isRequestId(requestId))
    return [`  status ${status}, and no request id: this may not be the broker's own answer`];
  return [
    `  request ${requestId}, status ${[status, problem ?? oauthError].filter(Boolean).join(' ')}`,
    `  an operator or an auditor finds out more: ${called} why ${requestId}`,
  ];
}
