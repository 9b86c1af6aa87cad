// Makes the role of a lease, in one transaction that can no longer commit once nobody waits for it.
import { randomBytes } from 'node:crypto';
import { SECOND_MS } from '../../domain/duration.js';
import type { Lease } from '../../domain/lease.js';
import type { PostgresCredential } from '../../domain/postgres.js';
import type { Connections, Patience, Session } from './connections.js';
import { PostgresFailure } from './failure.js';
import { BEFORE_LOCK, lockForMint, lockRights, onConflict } from './locks.js';
import { checkHeir, checkRole, createRole, markRole, readHeir, readRole } from './role.js';
import { scramVerifier } from './scram.js';

/** From the beginning of a mint until we know at the latest that its transaction has begun. */
const begunWithinMs = ({ connectMs }: Patience): number => 2 * connectMs;
/** What a broker may be slow by. */
const SLACK_MS = 3 * SECOND_MS;

/** After so long nobody has to fear any more that a mint comes to be. */
export const mintDeadlineMs = (patience: Patience): number =>
  begunWithinMs(patience) + patience.statementMs + SLACK_MS;

const PASSWORD_BYTES = 32;

export interface MintTerms {
  readonly issuer: string;
  readonly credential: PostgresCredential;
  readonly statements: readonly string[];
}

/**
 * Answers the password.
 *
 * Nothing of it may come to be after its deadline, however long a message is under way:
 * 1. What makes the role is sent only when the answer to BEGIN has come in time, so the transaction's `now()` is past.
 * 2. COMMIT is sent in one message with a check that `now()` is not long ago. Both clocks are the server's own.
 * A kill takes the same lock: it finds the role, or it came first. Then it comes once more after the deadline
 * (`abandonLease`, and the settlement of whatever was killed while it was reserved).
 */
export async function mintRole(connections: Connections, lease: Lease, terms: MintTerms): Promise<string> {
  const begunAt = performance.now();
  const { patience } = connections;
  const beginMs = begunWithinMs(patience);
  const leftMs = (ofMs: number): number => begunAt + ofMs - performance.now();
  const left = (): number => leftMs(beginMs + patience.statementMs);
  const password = randomBytes(PASSWORD_BYTES).toString('base64url');
  const verifier = await scramVerifier(password);
  const begin = {
    purpose: 'mint',
    first: `BEGIN; ${lockForMint(lease.id)}`,
    withinMs: () => leftMs(beginMs),
  } as const;
  await onConflict(begunAt + beginMs, () =>
    connections.session(begin, async (session) => {
      // Held up since, by whatever it was: too late.
      if (leftMs(beginMs) <= 0) throw new Error(`the mint of ${lease.id} was held up for too long`);
      await writeRole(session, lease, verifier, terms, left);
      await commit(session, patience, left());
    }),
  );
  return password;
}

const DIVISION_BY_ZERO = '22012';

/** What is an error keeps the rest of a message from being carried out: so nothing is committed that is late. */
async function commit(session: Session, { statementMs }: Patience, withinMs: number): Promise<void> {
  const inTime = `clock_timestamp() < now() + interval '${statementMs} milliseconds'`;
  try {
    await session.run(`SELECT 1 / (${inTime})::int AS in_time; COMMIT`, withinMs);
  } catch (error) {
    if (!(error instanceof PostgresFailure) || error.causeCode !== DIVISION_BY_ZERO) throw error;
    throw new Error(`a mint took longer than ${statementMs} ms at the server, and was not committed`, {
      cause: error,
    });
  }
}

async function writeRole(
  session: Session,
  lease: Lease,
  verifier: string,
  { issuer, credential, statements }: MintTerms,
  left: () => number,
): Promise<void> {
  const { connectionLimit, reassignTo } = credential;
  const before = `${createRole(lease, { verifier, connectionLimit })}; SAVEPOINT ${BEFORE_LOCK}`;
  await lockRights(session, credential.user, { before, withinMs: left() });
  // What grants are given on is looked up where an operator who names no schema means it to be.
  await session.run('SET LOCAL search_path = public', left());
  for (const statement of statements) await session.runOne(statement, left());
  await session.run(`SET LOCAL search_path = pg_catalog; ${markRole(lease, issuer)}`, left());
  const [role = []] = await session.run(readRole(lease.id), left());
  checkRole(lease, credential, role);
  if (reassignTo === undefined) return;
  const [heir = []] = await session.run(readHeir(reassignTo), left());
  checkHeir(reassignTo, heir);
}
