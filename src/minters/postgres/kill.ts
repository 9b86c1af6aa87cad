// Ends the role of a lease: nobody logs in, no session remains, nothing of its own is left, and then it is gone.
import { SECOND_MS } from '../../domain/duration.js';
import type { LeaseId } from '../../domain/ids.js';
import type { PostgresCredential } from '../../domain/postgres.js';
import { quoteIdentifier, quoteLiteral } from '../../domain/statement-template.js';
import type { Connections, Rows, Session } from './connections.js';
import { isConflict, isLockTimeout, isUnknownRole } from './failure.js';
import { BEFORE_LOCK, lockForKill, lockRights, onConflict, releaseFromKill } from './locks.js';
import { checkHeir, readHeir, roleOf } from './role.js';

/** For sessions to end that were told to: one that writes much back takes its time. */
const SESSIONS_END_WITHIN_MS = 8 * SECOND_MS;
const LONGEST_PAUSE_MS = 20;
/** For a lock on the role itself, which it may hold in a transaction of its own. */
const ROLE_LOCK_MS = 300;

/** The role that is killed, and the sessions that it is killed in. */
interface Kill {
  readonly connections: Connections;
  readonly session: Session;
  readonly credential: PostgresCredential;
  readonly name: string;
  readonly oid: number;
}

/**
 * Resolves when the role is gone, and with it all that could be done by it; of one that never was, at once.
 * The order is what makes it true, also where an agent does what it can against it:
 * 1. NOLOGIN, committed, before anything that could be held against us: whoever logs in later is refused.
 * 2. Sessions are ended until there are none, or they would go on without their rights, and make new things.
 * 3. The lock: no mint of the lease is under way, and no other kill. What was made meanwhile has 1 and 2 now.
 * 4. Prepared transactions, which outlive sessions and hold locks.
 * 5. What it owns and was granted, in every database; the role itself.
 * 6. Sessions once more: one that was let in just before 1 may have come into sight after 2.
 */
export async function dropRole(
  connections: Connections,
  credential: PostgresCredential,
  id: LeaseId,
): Promise<void> {
  const name = roleOf(id);
  const first = `SELECT oid FROM pg_roles WHERE rolname = ${quoteLiteral(name)}`;
  const withinMs = (): number => connections.patience.lockMs + SECOND_MS;
  await connections.session({ purpose: 'kill', first, withinMs }, async (session, [seen = []]) => {
    const killOf = ([row]: Rows): Kill | undefined =>
      row && { connections, session, credential, name, oid: Number(row['oid']) };
    const early = killOf(seen);
    if (early) await disarm(early);
    const { locked, rows } = await lockForKill(session, id, first);
    const kill = killOf(rows);
    if (kill && !early) await disarm(kill);
    if (kill) await endRole(kill);
    const last = locked ? [releaseFromKill(id)] : [];
    if (kill) await sessionsEnded(session, kill.oid, ...last);
    else if (locked) await session.run(releaseFromKill(id));
  });
}

/**
 * Nobody logs in any more, and no session is left. A role may change its own password, in a transaction that it leaves
 * open, or prepares: then PostgreSQL has us wait for that. So sessions are ended, and what is prepared, and then it is
 * tried once more.
 */
async function disarm(kill: Kill): Promise<void> {
  const { session, name, oid } = kill;
  const giveUpAt = performance.now() + SESSIONS_END_WITHIN_MS;
  for (let blocked = false; ; blocked = true) {
    try {
      if (blocked) {
        await session.run(endSessions(oid));
        await rollBackPrepared(kill, (await heldBy(kill)).prepared);
      }
      await session.run(`BEGIN; SET LOCAL lock_timeout = ${ROLE_LOCK_MS};
        ALTER ROLE ${quoteIdentifier(name)} NOLOGIN PASSWORD NULL; COMMIT`);
      break;
    } catch (error) {
      await session.run('ROLLBACK');
      // Another kill has been here.
      if (isUnknownRole(error)) return;
      const mayPass = isLockTimeout(error) || isConflict(error);
      if (!mayPass || performance.now() > giveUpAt) throw error;
    }
  }
  await sessionsEnded(session, oid);
}

async function endRole(kill: Kill): Promise<void> {
  const { connections, session, credential, name } = kill;
  const { reassignTo, database: own } = credential;
  const { prepared, owning } = await heldBy(kill);
  if (reassignTo !== undefined) {
    const [heir = []] = await session.run(readHeir(reassignTo));
    checkHeir(reassignTo, heir);
  }
  await rollBackPrepared(kill, prepared);
  const others = namesIn([...owning, ...prepared]).filter((database) => database !== own);
  for (const database of others.filter((one) => isKnown(credential, one)))
    await connections.session({ purpose: 'kill', database, first: 'RESET ROLE' }, (there) =>
      dropOwned(there, kill),
    );
  const unknown = others.filter((one) => !isKnown(credential, one));
  // What is left here goes in any case.
  await dropOwned(session, kill, unknown.length === 0 ? `DROP ROLE ${quoteIdentifier(name)}` : undefined);
  if (unknown.length > 0)
    throw new Error(
      `${name} can do nothing any more, and has left something in ${unknown.join(', ')}: name that under databases`,
    );
}

/** By what `pg_stat_activity` is a view on: its joins take most of the time. */
const endSessions = (oid: number): string =>
  `SELECT pg_terminate_backend(pid) FROM pg_stat_get_activity(NULL) WHERE usesysid = ${oid}`;

/** They are told again and again: one may have been busy with becoming a session. */
async function sessionsEnded(session: Session, oid: number, ...andThen: string[]): Promise<void> {
  const giveUpAt = performance.now() + SESSIONS_END_WITHIN_MS;
  let statements = [endSessions(oid), ...andThen];
  for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    const [left = []] = await session.run(statements.join('; '));
    statements = [endSessions(oid)];
    if (left.length === 0) return;
    if (performance.now() > giveUpAt) throw new Error(`${left.length} sessions of the role have not ended`);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

/** What is left of it: prepared transactions, and databases in which it owns something or was granted it. */
interface Held {
  readonly prepared: Rows;
  readonly owning: Rows;
}

/** With what follows: a member may drop what a role owns, and end its prepared transactions in its name. */
async function heldBy({ session, name, oid }: Kill): Promise<Held> {
  const giveUpAt = performance.now() + SESSIONS_END_WITHIN_MS;
  const read = (): Promise<readonly Rows[]> =>
    session.run(`GRANT ${quoteIdentifier(name)} TO CURRENT_USER;
    SELECT gid, database AS name FROM pg_prepared_xacts WHERE owner = ${quoteLiteral(name)};
    SELECT DISTINCT d.datname AS name FROM pg_shdepend s JOIN pg_database d ON d.oid = s.dbid
      WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = ${oid}`);
  const [, prepared = [], owning = []] = await onConflict(giveUpAt, read);
  return { prepared, owning };
}

/** Each in its own database, by its own role, and outside of a transaction: PostgreSQL lets it happen nowhere else. */
async function rollBackPrepared(kill: Kill, prepared: Rows): Promise<void> {
  const { connections, session, credential, name } = kill;
  const rollBack = async (there: Session, database: string): Promise<void> => {
    await there.run(`SET ROLE ${quoteIdentifier(name)}`);
    for (const { gid } of prepared.filter((one) => one['name'] === database))
      await there.runOne(`ROLLBACK PREPARED ${quoteLiteral(String(gid))}`);
    await there.run('RESET ROLE');
  };
  for (const database of namesIn(prepared)) {
    if (database === credential.database) await rollBack(session, database);
    else if (isKnown(credential, database))
      await connections.session({ purpose: 'kill', database, first: 'RESET ROLE' }, (there) =>
        rollBack(there, database),
      );
  }
}

/** With what others have hung on it: or whoever does that keeps an agent's objects alive. */
async function dropOwned(
  there: Session,
  { connections, credential, name }: Kill,
  andThen?: string,
): Promise<void> {
  const role = quoteIdentifier(name);
  const { reassignTo } = credential;
  const statements = [
    ...(reassignTo === undefined ? [] : [`REASSIGN OWNED BY ${role} TO ${quoteIdentifier(reassignTo)}`]),
    `DROP OWNED BY ${role} CASCADE`,
    ...(andThen === undefined ? [] : [andThen]),
  ];
  await onConflict(performance.now() + connections.patience.killMs, async () => {
    try {
      await lockRights(there, credential.user, { before: `BEGIN; SAVEPOINT ${BEFORE_LOCK}` });
      await there.run(`${statements.join('; ')}; COMMIT`);
    } catch (error) {
      if (isConflict(error)) await there.run('ROLLBACK');
      throw error;
    }
  });
}

const namesIn = (rows: Rows): string[] => [...new Set(rows.map(({ name }) => String(name)))];

const isKnown = ({ databases }: PostgresCredential, database: string): boolean =>
  databases?.includes(database) ?? true;
