// What has come to pass in trees of tasks, in the embedded store: read, compared, added to, and due for review.
import type { AuditEntry } from '../../audit/entry.js';
import type { AuditConclusion } from '../../audit/event.js';
import type { TaskId } from '../../domain/ids.js';
import { rootOf } from '../../domain/ids.js';
import { Refusal } from '../../domain/refusal.js';
import type { TreeContext } from '../../domain/tree-context.js';
import {
  ContextChanged,
  widensHeld,
  withHolding,
  withRefusal,
  withSignal,
} from '../../domain/tree-context.js';
import type { ContextStore, DueReview, LeaseRequest, Signalling } from '../store.js';
import type { Ledger } from './ledger.js';
import { insertSql } from './rows.js';
import { isOpen } from './tasks.js';

/** One that was due before has been so for longer. */
const MAKE_DUE = 'UPDATE tree_context SET due_since = ifnull(due_since, ?) WHERE root = ?';
const KEEP_FACTS = `${insertSql('principal_facts', ['root', 'digest', 'facts'])} ON CONFLICT DO NOTHING`;

export class Contexts implements ContextStore {
  readonly #ledger: Ledger;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  readContext(root: TaskId): Promise<TreeContext> {
    return this.#ledger.db.read(() => this.#ledger.contexts.get(root));
  }

  recallContext(root: TaskId): Promise<TreeContext> {
    return this.readContext(root);
  }

  /** Within a transition: what was decided on this version of the context has to be decided again, or undefined. */
  changedSince(task: TaskId, version: number): ContextChanged | undefined {
    const context = this.#ledger.contexts.get(rootOf(task));
    return context.version === version ? undefined : new ContextChanged(context);
  }

  /** Within the transition that issues, or renews: what the tree holds from now on, and about whom that was decided. */
  hold({ taskId, basis, decidedOn }: Pick<LeaseRequest, 'taskId' | 'basis' | 'decidedOn'>): void {
    if (!decidedOn) return;
    const root = rootOf(taskId);
    const before = this.#ledger.contexts.get(root);
    const after = withHolding(before, decidedOn.holding);
    if (after !== before) this.#ledger.contexts.put(root, after);
    if (widensHeld(before, decidedOn.holding)) this.#makeDue(root);
    if (basis) this.#ledger.db.sql(KEEP_FACTS).run(root, basis.principal, decidedOn.principal);
  }

  /** Within the transaction that records it: a refusal counts for the tree, where there is one. */
  countRefusal({ refusalOf }: AuditEntry, { outcome }: AuditConclusion): void {
    if (outcome !== 'refused' || refusalOf === undefined) return;
    const root = rootOf(refusalOf);
    if (!this.#ledger.task(root)) return;
    const before = this.#ledger.contexts.get(root);
    const after = withRefusal(before);
    if (after !== before) this.#ledger.contexts.put(root, after);
  }

  signalTask(id: TaskId, type: string, most: number, entry: AuditEntry): Promise<Signalling | Refusal> {
    return this.#ledger.transition(
      entry,
      () => this.#signal(id, type, most),
      ({ added }) => ({ taskId: id, detail: { signal: type, added } }),
    );
  }

  #signal(id: TaskId, type: string, most: number): Signalling | Refusal {
    const task = this.#ledger.task(id);
    if (!task) return new Refusal('task_unknown', `no task ${id}`);
    if (!isOpen(task, this.#ledger.now())) return new Refusal('task_closed', `the task is ${task.state}`);
    const root = rootOf(id);
    const before = this.#ledger.contexts.get(root);
    const context = withSignal(before, type);
    if (context === before) return { context, added: false, due: this.#isDue(root) };
    if (before.signals.length >= most) {
      return new Refusal(
        'too_many_signals',
        `${before.signals.length} types were reported in the tree of ${root}`,
      );
    }
    this.#ledger.contexts.put(root, context);
    this.#makeDue(root);
    return { context, added: true, due: true };
  }

  #isDue(root: TaskId): boolean {
    const due = 'SELECT 1 FROM tree_context WHERE root = ? AND due_since IS NOT NULL';
    return this.#ledger.db.sql(due).get(root) !== undefined;
  }

  #makeDue(root: TaskId): void {
    this.#ledger.db.sql(MAKE_DUE).run(this.#ledger.now(), root);
  }

  dueReviews(limit: number, forMs: number): Promise<DueReview[]> {
    return this.#ledger.db.read(() =>
      this.#ledger.db
        .sql('SELECT root, version FROM tree_context WHERE due_since <= ? ORDER BY due_since LIMIT ?')
        .all(this.#ledger.now() - forMs, limit)
        .map((row) => ({ root: row['root'] as TaskId, version: Number(row['version']) })),
    );
  }

  async concludeReview(root: TaskId, version: number): Promise<void> {
    await this.#ledger.db.transact(() =>
      this.#ledger.db
        .sql('UPDATE tree_context SET due_since = NULL WHERE root = ? AND version = ?')
        .run(root, version),
    );
  }

  principalFacts(root: TaskId, digest: string): Promise<string | undefined> {
    return this.#ledger.db.read(() => {
      const row = this.#ledger.db
        .sql('SELECT facts FROM principal_facts WHERE root = ? AND digest = ?')
        .get(root, digest);
      return row && String(row['facts']);
    });
  }
}
