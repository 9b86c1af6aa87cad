// What AWS answered instead of what was asked for: by its HTTP status, since names of errors differ from target to target.

/** Names and messages of AWS are told only as far as they are names: a message may quote what was sent. */
const ERROR_NAME = /^[A-Za-z]{1,64}$/;

export type AwsFaultCode =
  /** It answered that it will not. */
  | 'ERR_AWS_REFUSED'
  /** No answer in time: whether it was done, nobody knows. */
  | 'ERR_AWS_UNREACHABLE'
  /** It answered what cannot be, or went on as before. */
  | 'ERR_AWS_ANSWER'
  /** Each role of the tool has as many sessions as it could deny. */
  | 'ERR_AWS_ROLES_FULL'
  /** The grant cannot be said in a session policy, or its time is over. */
  | 'ERR_AWS_GRANT';

export class AwsFault extends Error {
  readonly code: AwsFaultCode;
  /** Absent where there was no answer. */
  readonly status?: number;
  /** It was asked once and refused, so nothing came of it. Of several attempts, one that broke off may have been carried out. */
  readonly isFinal: boolean;

  constructor(code: AwsFaultCode, message: string, status?: number, attempts?: number) {
    super(message);
    this.name = 'AwsFault';
    this.code = code;
    if (status !== undefined) this.status = status;
    this.isFinal = status !== undefined && status >= 400 && status < 500 && attempts === 1;
  }
}

/** The fault that stands for whatever the SDK threw: nothing of it is kept as a cause, as that holds request and answer. */
export function faultOf(operation: string, error: unknown): AwsFault {
  if (error instanceof AwsFault) return error;
  const { name = '', $metadata: metadata } = error as {
    name?: string;
    $metadata?: { httpStatusCode?: number; requestId?: string; attempts?: number };
  };
  const kind = ERROR_NAME.test(name) ? name : 'an error';
  const status = metadata?.httpStatusCode;
  if (status === undefined)
    return new AwsFault('ERR_AWS_UNREACHABLE', `${operation}: no answer of AWS (${kind})`);
  const request = /^[\w-]{1,80}$/.test(metadata?.requestId ?? '') ? `, request ${metadata?.requestId}` : '';
  return new AwsFault(
    'ERR_AWS_REFUSED',
    `${operation}: HTTP ${status} (${kind})${request}`,
    status,
    metadata?.attempts,
  );
}
