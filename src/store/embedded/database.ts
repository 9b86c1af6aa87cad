// One SQLite file: opened for us alone, durable at every commit, many transitions to a commit.
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'libsql';
import { StoreUnavailable } from '../store.js';
import { MIGRATIONS, SCHEMA, SCHEMA_VERSION } from './schema.js';

export type Value = string | number | null;
export type Row = Record<string, Value>;

interface Statement {
  run(...values: Value[]): { changes: number };
  get(...values: Value[]): Row | undefined;
  all(...values: Value[]): Row[];
}

interface Pending {
  readonly work: () => unknown;
  readonly resolve: (result: never) => void;
  readonly reject: (error: unknown) => void;
}

/** At most so many transitions to a commit: bounds how long the first of them waits. */
const MOST_PER_COMMIT = 256;
/** Transitions between two checkpoints: keeps the log at some 16 MB. */
const CHECKPOINT_EVERY = 1000;
/** What nobody waits for is committed with something else, or after so long. */
const LATER_MS = 20;

/** `first`: before whatever else is waiting. `later`: no commit is made for its sake alone. */
export type Urgency = 'first' | 'soon' | 'later';

export class EmbeddedDatabase {
  readonly #db: Database.Database;
  readonly #statements = new Map<string, Statement>();
  #pending: Pending[] = [];
  #scheduled = false;
  #later: NodeJS.Timeout | undefined;
  #sinceCheckpoint = 0;
  /** Set for good when a write could not be made durable: what the disk then holds, nobody knows. */
  #broken: string | undefined;
  #closed = false;
  /** Called before each commit, inside the transaction. */
  beforeCommit: () => void = () => {};
  /** Called after each commit that is on disk. */
  afterCommit: () => void = () => {};
  /** Called after a rollback: whatever memory mirrors must be read anew. */
  afterRollback: () => void = () => {};

  constructor(path: string) {
    this.#db = open(path);
  }

  sql(text: string): Statement {
    let statement = this.#statements.get(text);
    if (!statement) {
      statement = this.#db.prepare(text) as unknown as Statement;
      this.#statements.set(text, statement);
    }
    return statement;
  }

  /**
   * Runs `work` in a transaction together with whatever else is waiting, and resolves once that is on disk.
   * `work` is synchronous, touches nothing but the database and its mirrors, and may be run again.
   */
  transact<T>(work: () => T, urgency: Urgency = 'soon'): Promise<T> {
    const ailment = this.ailment;
    if (ailment !== undefined) return Promise.reject(new StoreUnavailable(ailment));
    return new Promise<T>((resolve, reject) => {
      const one = { work, resolve, reject };
      if (urgency === 'first') this.#pending.unshift(one);
      else this.#pending.push(one);
      if (urgency === 'later') {
        this.#later ??= setTimeout(() => this.#commitPending(), LATER_MS);
        return;
      }
      if (!this.#scheduled) {
        this.#scheduled = true;
        setImmediate(() => this.#commitPending());
      }
    });
  }

  /** Runs `work`, which only reads. It sees what is on disk: a transaction never stays open between two turns. */
  async read<T>(work: () => T): Promise<T> {
    const ailment = this.ailment;
    if (ailment !== undefined) throw new StoreUnavailable(ailment);
    try {
      return work();
    } catch (error) {
      throw asUnavailable(error);
    }
  }

  get ailment(): string | undefined {
    return this.#closed ? 'the store is closed' : this.#broken;
  }

  /** Commits what is waiting, then closes. */
  close(): void {
    if (this.#closed) return;
    this.#commitPending();
    this.#closed = true;
    release(this.#db);
  }

  /** Commits what is waiting now: for a reader that must see it. */
  flush(): void {
    this.#commitPending();
  }

  #commitPending(): void {
    this.#scheduled = false;
    clearTimeout(this.#later);
    this.#later = undefined;
    while (this.#pending.length > 0) this.#commit(this.#pending.splice(0, MOST_PER_COMMIT));
  }

  #commit(batch: readonly Pending[]): void {
    if (this.#broken !== undefined) {
      for (const { reject } of batch) reject(new StoreUnavailable(this.#broken));
      return;
    }
    const results: unknown[] = [];
    try {
      this.sql('BEGIN IMMEDIATE').run();
      for (const { work } of batch) results.push(work());
      this.beforeCommit();
    } catch (error) {
      this.#rollBack();
      // One of them is at fault: alone, each succeeds or fails for itself.
      if (batch.length > 1) for (const one of batch) this.#commit([one]);
      else batch[0]!.reject(asUnavailable(error));
      return;
    }
    try {
      this.sql('COMMIT').run();
    } catch (error) {
      this.#rollBack();
      if (!isFull(error)) this.#broken ??= `a commit failed (${messageOf(error)}): ${ADVICE}`;
      for (const { reject } of batch) reject(asUnavailable(error));
      return;
    }
    batch.forEach(({ resolve }, index) => resolve(results[index] as never));
    this.afterCommit();
    this.#sinceCheckpoint += batch.length;
    if (this.#sinceCheckpoint >= CHECKPOINT_EVERY) {
      this.#sinceCheckpoint = 0;
      setImmediate(() => this.#checkpoint());
    }
  }

  /** By ourselves, because SQLite keeps the errors of its own to itself: after a failed fsync the next one lies. */
  #checkpoint(): void {
    if (this.ailment !== undefined) return;
    try {
      this.sql('PRAGMA wal_checkpoint(PASSIVE)').all();
    } catch (error) {
      if (!isFull(error)) this.#broken = `a checkpoint failed (${messageOf(error)}): ${ADVICE}`;
    }
  }

  #rollBack(): void {
    try {
      if (this.#db.inTransaction) this.#db.exec('ROLLBACK');
      this.afterRollback();
    } catch (error) {
      this.#broken = `a rollback failed (${messageOf(error)}): ${ADVICE}`;
    }
  }
}

const ADVICE = 'look at the disk, then restart';

function open(path: string): Database.Database {
  let db: Database.Database | undefined;
  try {
    if (path !== ':memory:') mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    // Nobody else's to read; SQLite gives its log the same mode.
    if (path !== ':memory:' && !existsSync(path)) writeFileSync(path, '', { flag: 'wx', mode: 0o600 });
    db = new Database(path);
    // EXCLUSIVE keeps other processes out; FULL has every commit on disk before it is acknowledged.
    db.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;');
    db.exec('PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -65536; PRAGMA temp_store = MEMORY;');
    db.exec('BEGIN EXCLUSIVE');
    prepareSchema(db, path);
    db.exec('COMMIT');
    return db;
  } catch (error) {
    if (db) release(db);
    if (error instanceof StoreUnavailable) throw error;
    const message = /locked|busy/i.test(messageOf(error))
      ? `${path} is in use by another process: an embedded store belongs to one broker`
      : `${path} cannot be opened: ${messageOf(error)}`;
    throw new StoreUnavailable(message, { cause: error });
  }
}

/** Closes. The driver keeps the file open while a statement is left: leaving WAL is what gives up the lock. */
function release(db: Database.Database): void {
  try {
    if (db.inTransaction) db.exec('ROLLBACK');
    for (const pragma of ['journal_mode = DELETE', 'locking_mode = NORMAL', 'user_version']) {
      db.prepare(`PRAGMA ${pragma}`).all();
    }
  } catch {
    // A file that cannot take the checkpoint keeps the log: the next opening reads it.
  }
  db.close();
}

function prepareSchema(db: Database.Database, path: string): void {
  const known = db.prepare("SELECT 1 AS there FROM sqlite_schema WHERE name = 'meta'").get();
  if (!known) {
    db.exec(SCHEMA);
    db.prepare('INSERT INTO meta (one, schema_version, epoch, latest) VALUES (1, ?, ?, 0)').run(
      SCHEMA_VERSION,
      randomUUID(),
    );
    return;
  }
  const { schema_version: found } = db.prepare('SELECT schema_version FROM meta').get() as {
    schema_version: number;
  };
  if (found > SCHEMA_VERSION) {
    throw new StoreUnavailable(
      `${path} was written by a newer Mayfly (schema ${found}, this one knows ${SCHEMA_VERSION})`,
    );
  }
  for (let version = found; version < SCHEMA_VERSION; version++) db.exec(MIGRATIONS[version]!);
  db.prepare('UPDATE meta SET schema_version = ?').run(SCHEMA_VERSION);
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
const isFull = (error: unknown): boolean => /full/i.test(messageOf(error));
const asUnavailable = (error: unknown): unknown =>
  error instanceof Error && 'code' in error && String(error.code).startsWith('SQLITE')
    ? new StoreUnavailable(`the store could not be used: ${error.message}`, { cause: error })
    : error;
