// Connections of the broker's own role to one server: few, kept, and those for kills apart from those for mints.
import { checkServerIdentity } from 'node:tls';
import type { Client, Pool, PoolClient, PoolConfig, QueryResult } from 'pg';
import { SECOND_MS } from '../../domain/duration.js';
import type { PostgresCredential } from '../../domain/postgres.js';
import { PostgresFailure, failureOf, isLoss } from './failure.js';

/** How long a server is waited for. */
export interface Patience {
  readonly connectMs: number;
  /** For a lock that somebody else holds, that of a lease among them. */
  readonly lockMs: number;
  readonly statementMs: number;
  /** For a statement of a kill: to drop much takes long, and to give up would not make it less. */
  readonly killMs: number;
}
export const PATIENCE: Patience = {
  connectMs: 3 * SECOND_MS,
  lockMs: 5 * SECOND_MS,
  statementMs: 6 * SECOND_MS,
  killMs: 20 * SECOND_MS,
};
/**
 * A connection that is used for nothing is kept this long, and one for good: a kill should not have to open one. Where
 * agents only left something, ours are to keep nobody from dropping the database.
 */
const IDLE_MS = 600 * SECOND_MS;
const IDLE_ELSEWHERE_MS = 5 * SECOND_MS;
/** A kill waits in no line with mints. */
const MOST = { mint: 4, kill: 8 } as const;

/**
 * A machine that is gone says no goodbye, and what its session holds, the lock of a lease in the middle of a kill, would
 * else be held for hours: others would try in vain, and give up. So the server finds out, before they do. Seconds, but
 * for the last.
 */
const ABSENCE = {
  tcp_keepalives_idle: 10,
  tcp_keepalives_interval: 5,
  tcp_keepalives_count: 2,
  tcp_user_timeout: 20 * SECOND_MS,
};

/**
 * What every session begins with. Names are looked up in `pg_catalog` alone: our role can do much, and whoever may
 * create a function in a schema that it looks into would have it run by us.
 */
const sessionSettings = ({ lockMs, statementMs, killMs }: Patience, purpose: Purpose) => ({
  search_path: 'pg_catalog',
  // A statement behind a lock sees what whoever had the lock has left.
  default_transaction_isolation: 'read\\ committed',
  standard_conforming_strings: 'on',
  client_min_messages: 'error',
  statement_timeout: purpose === 'kill' ? killMs : statementMs,
  lock_timeout: lockMs,
  idle_in_transaction_session_timeout: statementMs,
  ...ABSENCE,
});

type Purpose = keyof typeof MOST;
export type Rows = readonly Readonly<Record<string, unknown>>[];

export interface Session {
  /**
   * Statements of ours, several at once where they belong together; the rows of each.
   * @throws PostgresFailure
   */
  run(statements: string, withinMs?: number): Promise<readonly Rows[]>;
  /** One statement, whatever it says: what comes after a `;` is an error. */
  runOne(statement: string, withinMs?: number): Promise<Rows>;
}

export interface SessionTerms {
  readonly purpose: Purpose;
  /** The target's own when absent. */
  readonly database?: string;
  readonly first: string;
  readonly withinMs?: () => number;
}

export class Connections {
  readonly patience: Patience;
  readonly #credential: PostgresCredential;
  readonly #pools = new Map<string, Promise<Pool>>();
  readonly #used = new WeakSet<object>();
  #closed = false;

  constructor(credential: PostgresCredential, patience: Patience) {
    this.#credential = credential;
    this.patience = patience;
  }

  /**
   * Works in a session that begins with `first`, which must be good to be said again: a connection that lay idle may have
   * been lost since, and nobody knows before it is used. After anything that failed the connection is closed and not used
   * again: whatever it held there, a lock or half a transaction, goes with it.
   *
   * @throws PostgresFailure; what `work` throws of its own
   */
  async session<Result>(
    { purpose, database = this.#credential.database, first, withinMs }: SessionTerms,
    work: (session: Session, rows: readonly Rows[]) => Promise<Result>,
  ): Promise<Result> {
    const { host, port } = this.#credential;
    const place = `postgres ${host}:${port}/${database}`;
    for (;;) {
      const client = await this.#client(purpose, database, place);
      const lay = this.#used.has(client);
      let rows: readonly Rows[] | undefined;
      try {
        const session = sessionOn(client, place);
        rows = await session.run(first, withinMs?.());
        const result = await work(session, rows);
        this.#used.add(client);
        client.release();
        return result;
      } catch (error) {
        client.release(true);
        if (rows || !lay || !isLoss(error)) throw error;
      }
    }
  }

  async #client(purpose: Purpose, database: string, place: string): Promise<PoolClient> {
    try {
      return await (await this.#pool(purpose, database)).connect();
    } catch (error) {
      throw failureOf(place, error);
    }
  }

  /** Ends those that nobody uses, and the others when they are done. */
  async close(): Promise<void> {
    this.#closed = true;
    const pools = await Promise.allSettled(this.#pools.values());
    await Promise.all(
      pools.map(async (pool) => (pool.status === 'fulfilled' ? pool.value.end() : undefined)),
    );
  }

  #pool(purpose: Purpose, database: string): Promise<Pool> {
    if (this.#closed) throw new Error('the connections were closed');
    const name = `${purpose} ${database}`;
    let pool = this.#pools.get(name);
    if (!pool) this.#pools.set(name, (pool = openPool(this.#credential, this.patience, purpose, database)));
    return pool;
  }
}

/** The driver is loaded by whoever has such a tool, and when the first connection is needed. */
async function openPool(
  credential: PostgresCredential,
  patience: Patience,
  purpose: Purpose,
  database: string,
): Promise<Pool> {
  const { Pool: Opened } = await import('pg');
  const isOwn = database === credential.database;
  const pool = new Opened({
    ...addressOf(credential, patience, purpose, database),
    max: MOST[purpose],
    min: isOwn ? 1 : 0,
    idleTimeoutMillis: isOwn ? IDLE_MS : IDLE_ELSEWHERE_MS,
    connectionTimeoutMillis: patience.connectMs,
    allowExitOnIdle: true,
  });
  // Without these a connection that breaks would end the broker: whoever works with it is told by what it asks.
  pool.on('error', () => {});
  pool.on('connect', (client) => void client.on('error', () => {}));
  return pool;
}

/** Every member that the driver would else take from the environment, where it may be meant for somebody else. */
function addressOf(
  { host, port, user, password, tls }: PostgresCredential,
  patience: Patience,
  purpose: Purpose,
  database: string,
): PoolConfig & { readonly options: string } {
  const expected = tls?.serverName ?? host;
  return {
    host,
    port,
    database,
    user,
    password: password.reveal(),
    application_name: 'mayfly',
    keepAlive: true,
    query_timeout: (purpose === 'kill' ? patience.killMs : patience.statementMs) + SECOND_MS,
    options: Object.entries(sessionSettings(patience, purpose))
      .map(([name, value]) => `-c ${name}=${value}`)
      .join(' '),
    ssl: tls
      ? {
          ...(tls.ca !== undefined && { ca: tls.ca }),
          rejectUnauthorized: true,
          // The name is the one that was configured, whatever the driver makes of an address.
          checkServerIdentity: (_name, certificate) => checkServerIdentity(expected, certificate),
        }
      : false,
  };
}

function sessionOn(client: Pick<Client, 'query'>, place: string): Session {
  const ask = async (text: string, withinMs: number | undefined, alone: boolean) => {
    if (withinMs !== undefined && withinMs <= 0) throw new PostgresFailure(place, 'took too long');
    const query = {
      text,
      ...(withinMs !== undefined && { query_timeout: withinMs }),
      ...(alone && { queryMode: 'extended' }),
    };
    try {
      return (await client.query(query)) as QueryResult | QueryResult[];
    } catch (error) {
      throw failureOf(place, error);
    }
  };
  return {
    run: async (statements, withinMs) =>
      [await ask(statements, withinMs, false)].flat().map(({ rows }) => rows as Rows),
    runOne: async (statement, withinMs) =>
      ([await ask(statement, withinMs, true)].flat()[0] as QueryResult).rows as Rows,
  };
}
