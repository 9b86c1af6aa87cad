// What went wrong at a database, told without anything that must not be told.

/**
 * Errors of the driver may hold the connection, and with it the broker's own password; those of the server, the
 * statement. So nothing of them is kept but the message and the code.
 */
export class PostgresFailure extends Error {
  readonly code = 'ERR_POSTGRES';
  /** PostgreSQL's own, `SQLSTATE`, or the system's, such as `ECONNREFUSED`. */
  readonly causeCode: string | undefined;

  constructor(place: string, message: string, causeCode?: string) {
    super(`${place}: ${message}`);
    this.name = 'PostgresFailure';
    this.causeCode = causeCode;
  }
}

export function failureOf(place: string, error: unknown): PostgresFailure {
  if (error instanceof PostgresFailure) return error;
  const { code, errors } = error as { code?: unknown; errors?: readonly unknown[] };
  // Several addresses were tried: the sum of them has no message of its own.
  const { message } = (errors?.[0] ?? error) as { message?: unknown };
  const told = typeof message === 'string' && message !== '' ? message : 'failed';
  return typeof code === 'string'
    ? new PostgresFailure(place, `${told} (${code})`, code)
    : new PostgresFailure(place, told);
}

/** The system's codes, and PostgreSQL's for a server that is going away. */
const LOSSES: ReadonlySet<string | undefined> = new Set(['ECONNRESET', 'EPIPE', '57P01', '57P02']);

/** Whether the connection went, and not what was said on it. */
export const isLoss = (error: unknown): boolean =>
  error instanceof PostgresFailure &&
  (LOSSES.has(error.causeCode) || /Connection (?:terminated|ended)|not queryable/.test(error.message));

const codeOf = (error: unknown): string | undefined =>
  error instanceof PostgresFailure ? error.causeCode : undefined;

/** `lock_not_available`. */
export const isLockTimeout = (error: unknown): boolean => codeOf(error) === '55P03';

/** `undefined_object`: the role is gone. */
export const isUnknownRole = (error: unknown): boolean => codeOf(error) === '42704';

/** `serialization_failure`, `deadlock_detected`, `unique_violation` of a catalogue; the last has no code of its own. */
export const isConflict = (error: unknown): boolean =>
  ['40001', '40P01', '23505'].includes(codeOf(error) ?? '') ||
  (codeOf(error) === 'XX000' && /concurrently/.test((error as Error).message));
