// Advisory locks, which everybody who has a session may take: so nothing that must happen waits for one that is not ours.
import { createHash } from 'node:crypto';
import type { LeaseId } from '../../domain/ids.js';
import type { Rows, Session } from './connections.js';
import { isConflict, isLockTimeout } from './failure.js';
import { roleOf } from './role.js';

/** Long enough for those before us, and short enough where it is held against us. */
const COURTESY_MS = 500;
const LONGEST_PAUSE_MS = 20;

/** 64 bits, as PostgreSQL's advisory locks have. */
const keyOf = (name: string): bigint => createHash('sha256').update(name).digest().readBigInt64BE(0);

/** What mint and kill of one lease exclude each other by. */
export const leaseKey = (id: LeaseId): bigint => keyOf(roleOf(id));

/** Of each broker's role its own: those who are not that role are ended for holding it, other brokers must not be. */
export const rightsKey = (user: string): bigint => keyOf(`mayfly: rights given by ${user}`);

/** Sessions that hold a lock, or wait for it: of our own role, or of others, superusers apart. */
function holders(key: bigint, whose: 'ours' | 'others'): string {
  const bits = BigInt.asUintN(64, key);
  return `pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid JOIN pg_roles r ON r.oid = a.usesysid
    WHERE l.locktype = 'advisory' AND l.classid = ${bits >> 32n} AND l.objid = ${bits & 0xffffffffn} AND l.objsubid = 1
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND l.pid <> pg_backend_pid()
      AND ${whose === 'ours' ? 'r.rolname = current_user' : 'r.rolname <> current_user AND NOT r.rolsuper'}`;
}

/** An agent that knows the lock may hold it, to keep a kill waiting: who does that, and is not us, is ended. */
const evictOthers = (key: bigint): string =>
  `SELECT pg_terminate_backend(l.pid) FROM ${holders(key, 'others')}`;

/** Of a mint, with the transaction. Nobody else knows the name of the lease yet. */
export const lockForMint = (id: LeaseId): string => `SELECT pg_advisory_xact_lock(${leaseKey(id)})`;

export const releaseFromKill = (id: LeaseId): string => `SELECT pg_advisory_unlock(${leaseKey(id)})`;

/** What `read` told once it was there, or had been tried for. */
export interface LockedForKill {
  readonly locked: boolean;
  readonly rows: Rows;
}

/**
 * Of a kill, with the session; then `read` is asked. Not locked where nobody of ours has it and it cannot be had: a
 * prepared transaction may hold it. Then the kill goes on without, and what a mint may make meanwhile is found by the kill
 * after its deadline.
 *
 * @throws PostgresFailure where a mint or a kill of the lease is under way, and takes too long
 */
export async function lockForKill(session: Session, id: LeaseId, read: string): Promise<LockedForKill> {
  const key = leaseKey(id);
  // Nearly always nobody has it, and to look who has costs more than all the rest of this.
  const [[got] = [], free = []] = await session.run(`SELECT pg_try_advisory_lock(${key}) AS locked; ${read}`);
  if (got?.['locked'] === true) return { locked: true, rows: free };
  try {
    const [, , rows = []] = await session.run(
      `${evictOthers(key)}; SELECT pg_advisory_lock(${key}); ${read}`,
    );
    return { locked: true, rows };
  } catch (error) {
    if (!isLockTimeout(error)) throw error;
    const [ours = []] = await session.run(`SELECT 1 FROM ${holders(key, 'ours')} AND l.granted`);
    if (ours.length > 0) throw error;
    const [rows = []] = await session.run(read);
    return { locked: false, rows };
  }
}

/** The savepoint at the end of `before`. */
export const BEFORE_LOCK = 'before_lock';

/**
 * For a transaction that gives or takes rights. PostgreSQL has no line for those who change the rights on one object: the
 * second of two fails (`tuple concurrently updated`). So they stand in line here, as a courtesy: whoever cannot get the
 * lock goes on without it, and is told to come again where that went wrong.
 */
export async function lockRights(
  session: Session,
  user: string,
  { before, withinMs }: { readonly before: string; readonly withinMs?: number },
): Promise<void> {
  const key = rightsKey(user);
  const free = await session.run(`${before}; SELECT pg_try_advisory_xact_lock(${key}) AS locked`, withinMs);
  if (free.at(-1)?.[0]?.['locked'] === true) return;
  try {
    await session.run(
      `${evictOthers(key)}; SET LOCAL lock_timeout = ${COURTESY_MS}; SELECT pg_advisory_xact_lock(${key});
       SET LOCAL lock_timeout TO DEFAULT`,
      withinMs,
    );
  } catch (error) {
    if (!isLockTimeout(error)) throw error;
    await session.run(`ROLLBACK TO ${BEFORE_LOCK}`, withinMs);
  }
}

/** Does it again for as long as others, who change the same, come first. */
export async function onConflict<Result>(giveUpAt: number, work: () => Promise<Result>): Promise<Result> {
  for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    try {
      return await work();
    } catch (error) {
      if (!isConflict(error) || performance.now() > giveUpAt) throw error;
      await new Promise((resolve) => setTimeout(resolve, pauseMs * Math.random()));
    }
  }
}
