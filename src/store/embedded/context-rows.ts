// The rows of what has come to pass in trees of tasks, and a bounded mirror of them in memory.
import type { TreeContext } from '../../domain/tree-context.js';
import { NO_CONTEXT } from '../../domain/tree-context.js';
import type { EmbeddedDatabase } from './database.js';

const MOST_MIRRORED = 10_000;

export class ContextRows {
  readonly #db: EmbeddedDatabase;
  readonly #mirror = new Map<string, TreeContext>();

  constructor(db: EmbeddedDatabase) {
    this.#db = db;
  }

  get(root: string): TreeContext {
    const known = this.#mirror.get(root);
    if (known) return known;
    const row = this.#db.sql('SELECT * FROM tree_context WHERE root = ?').get(root);
    const context: TreeContext = row
      ? {
          version: Number(row['version']),
          signals: JSON.parse(String(row['signals'])) as string[],
          held: JSON.parse(String(row['held'])) as TreeContext['held'],
          refusals: Number(row['refusals']),
        }
      : NO_CONTEXT;
    this.#keep(root, context);
    return context;
  }

  put(root: string, context: TreeContext): void {
    const { version, signals, held, refusals } = context;
    this.#db.sql(PUT_CONTEXT).run(root, version, JSON.stringify(signals), JSON.stringify(held), refusals);
    this.#keep(root, context);
  }

  /** With the facts that leases of the tree were decided on. */
  delete(root: string): void {
    this.#mirror.delete(root);
    this.#db.sql('DELETE FROM tree_context WHERE root = ?').run(root);
    this.#db.sql('DELETE FROM principal_facts WHERE root = ?').run(root);
  }

  /** After a rollback nobody knows which of them were on disk. */
  forgetAll(): void {
    this.#mirror.clear();
  }

  #keep(root: string, context: TreeContext): void {
    if (this.#mirror.size >= MOST_MIRRORED) this.#mirror.delete(this.#mirror.keys().next().value!);
    this.#mirror.set(root, context);
  }
}

const PUT_CONTEXT = `INSERT INTO tree_context (root, version, signals, held, refusals) VALUES (?, ?, ?, ?, ?)
  ON CONFLICT (root) DO UPDATE SET
    version = excluded.version, signals = excluded.signals, held = excluded.held, refusals = excluded.refusals`;
