// Ends the role of a lease: nobody logs in, no session remains, nothing of its own is left, and then it is gone.
import { SECOND_MS } from '../../domain/duration.js';
import type { LeaseId } from '../../domain/ids.js';
import type { PostgresCredential } from '../../domain/postgres.js';
import { quoteIdentifier, quoteLiteral } from '../../domain/statement-template.js';
import type { Connections, Rows, Session } from './connections.js';
import { checkHeir, LOCK_ON_RIGHTS, lockOf, readHeir, roleOf } from './role.js';

/** For sessions to end that were told to: one that writes much back takes its time. */
const SESSIONS_END_WITHIN_MS = 8 * SECOND_MS;
const LONGEST_PAUSE_MS = 20;

/**
 * Resolves when the role is gone, and with it all that could be done by it; of one that never was, at once.
 * The order is what makes it true:
 * 1. The lock: no mint of the lease is under way, and no other kill.
 * 2. NOLOGIN, committed before anything else: whoever logs in later is refused.
 * 3. Sessions are ended until there are none, or they would go on without their rights, and make new things.
 * 4. Prepared transactions, which outlive sessions and hold locks.
 * 5. What it owns and was granted, in every database; the role itself.
 * 6. Sessions once more: one that was let in just before 2 may have come into sight after 3.
 */
export async function dropRole(
  connections: Connections,
  credential: PostgresCredential,
  id: LeaseId,
): Promise<void> {
  const name = quoteLiteral(roleOf(id));
  const first = `SELECT pg_advisory_lock(${lockOf(id)}); SELECT oid FROM pg_roles WHERE rolname = ${name}`;
  const withinMs = (): number => connections.patience.lockMs + SECOND_MS;
  await connections.session({ purpose: 'kill', first, withinMs }, async (session, [, roles = []]) => {
    const [role] = roles;
    if (role) await endRole(connections, session, credential, { id, oid: Number(role['oid']) });
    await session.run(`SELECT pg_advisory_unlock(${lockOf(id)})`);
  });
}

interface Role {
  readonly id: LeaseId;
  readonly oid: number;
}

async function endRole(
  connections: Connections,
  session: Session,
  credential: PostgresCredential,
  { id, oid }: Role,
): Promise<void> {
  const role = quoteIdentifier(roleOf(id));
  const [, , , told = []] = await session.run(
    `BEGIN; ALTER ROLE ${role} NOLOGIN PASSWORD NULL; COMMIT; ${endSessions(oid)}`,
  );
  await sessionsEnded(session, oid, told);
  // A member may drop what a role owns, and end its prepared transactions in its name.
  const [, owning = [], prepared = []] = await session.run(`GRANT ${role} TO CURRENT_USER;
    SELECT DISTINCT d.datname AS name FROM pg_shdepend s JOIN pg_database d ON d.oid = s.dbid
      WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = ${oid};
    SELECT gid, database AS name FROM pg_prepared_xacts WHERE owner = ${quoteLiteral(roleOf(id))}`);
  const others = otherDatabases(credential, id, [...owning, ...prepared]);
  if (credential.reassignTo !== undefined) {
    const [heir = []] = await session.run(readHeir(credential.reassignTo));
    checkHeir(credential.reassignTo, heir);
  }
  const inDatabase = (database: string): readonly string[] =>
    prepared.filter((one) => one['name'] === database).map(({ gid }) => String(gid));
  for (const database of others.known) {
    await connections.session({ purpose: 'kill', database, first: 'RESET ROLE' }, async (there) => {
      await rollBack(there, role, inDatabase(database));
      await there.run(dropOwned(role, credential));
    });
  }
  await rollBack(session, role, inDatabase(credential.database));
  if (others.unknown.length > 0) {
    // What is left here goes in any case.
    await session.run(dropOwned(role, credential));
    throw new Error(
      `${roleOf(id)} can do nothing any more, and has left something in ${others.unknown.join(', ')}: name that under databases`,
    );
  }
  await session.run(`${dropOwned(role, credential)}; DROP ROLE ${role}`);
  await sessionsEnded(session, oid);
}

const endSessions = (oid: number): string =>
  `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usesysid = ${oid}`;

/** `told`: those that were just told to. They are told again: one may have been busy with becoming a session. */
async function sessionsEnded(session: Session, oid: number, told?: Rows): Promise<void> {
  if (told?.length === 0) return;
  const giveUpAt = performance.now() + SESSIONS_END_WITHIN_MS;
  for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    const [left = []] = await session.run(endSessions(oid));
    if (left.length === 0) return;
    if (performance.now() > giveUpAt) throw new Error(`${left.length} sessions of the role have not ended`);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

/** Those where there is something, but for the one that we are in; and those of them where we are not to go. */
function otherDatabases(
  { database, databases }: PostgresCredential,
  id: LeaseId,
  there: Rows,
): { readonly known: readonly string[]; readonly unknown: readonly string[] } {
  const names = [...new Set(there.map(({ name }) => String(name)))].filter((name) => name !== database);
  const isKnown = (name: string): boolean => databases?.includes(name) ?? true;
  return { known: names.filter(isKnown), unknown: names.filter((name) => !isKnown(name)) };
}

/** Only its own role may do that, in its own database, and outside of a transaction. */
async function rollBack(session: Session, role: string, gids: readonly string[]): Promise<void> {
  if (gids.length === 0) return;
  await session.run(`SET ROLE ${role}`);
  for (const gid of gids) await session.runOne(`ROLLBACK PREPARED ${quoteLiteral(gid)}`);
  await session.run('RESET ROLE');
}

/** With what others have hung on it: or whoever does that keeps an agent's objects alive. */
const dropOwned = (role: string, { reassignTo }: PostgresCredential): string =>
  `${LOCK_ON_RIGHTS}; ${reassignTo === undefined ? '' : `REASSIGN OWNED BY ${role} TO ${quoteIdentifier(reassignTo)}; `}DROP OWNED BY ${role} CASCADE`;
