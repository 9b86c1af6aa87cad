// Tasks in Redis: open, extend, close, and the memory of those that were seen.
import type { AuditEntry } from '../../audit/entry.js';
import type { PrincipalName, TaskId } from '../../domain/ids.js';
import { parentOf, rootOf, slotOf } from '../../domain/ids.js';
import { anyMatches } from '../../domain/glob.js';
import type { LeaseState } from '../../domain/lease.js';
import { LEASE_STATES } from '../../domain/lease.js';
import { Refusal } from '../../domain/refusal.js';
import type { Task } from '../../domain/task.js';
import type { Closing, LeaseCounts, NewTask, Tally, TaskQuery, TaskStore } from '../store.js';
import { ContextMemory } from './context-memory.js';
import { ALL_SLOTS } from './keys.js';
import type { LeaseLists } from './lease-lists.js';
import { factsOf, pastCounts, taskFromRecord, taskTerms } from './records.js';
import type { Slots } from './slots.js';
import { newestFirst, newestTasks, treeOf } from './task-lists.js';
import { TaskMemory } from './task-memory.js';

const MOST_ROOTS = 10_000;
/** So many open tasks are looked at in one script. */
const OPEN_PAGE = 100;

export class Tasks implements Omit<TaskStore, 'closeTask'> {
  readonly #slots: Slots;
  readonly #lists: LeaseLists;
  readonly #skewMs: number;
  readonly #memory = new TaskMemory();
  /** Beside the tasks, and forgotten with them. */
  readonly contexts = new ContextMemory();
  /** A hash costs as much as half a script: one per root and not one per call. */
  readonly #slotOfRoot = new Map<TaskId, number>();

  constructor(slots: Slots, lists: LeaseLists, skewMs: number) {
    this.#slots = slots;
    this.#lists = lists;
    this.#skewMs = skewMs;
  }

  slotOf(id: TaskId): number {
    const root = rootOf(id);
    let slot = this.#slotOfRoot.get(root);
    if (slot === undefined) {
      slot = slotOf(root);
      if (this.#slotOfRoot.size >= MOST_ROOTS) this.#slotOfRoot.clear();
      this.#slotOfRoot.set(root, slot);
    }
    return slot;
  }

  async openTask(asked: NewTask, entry: AuditEntry): Promise<{ task: Task; created: boolean } | Refusal> {
    const { id, parent, orchestrator, bodyDigest, ttlMs, mostOpenInTree } = asked;
    const misplaced = parent === parentOf(id) ? '' : "a child's id is its parent's id, a dot and a name";
    const answer = await this.#slots.call('open-task', this.slotOf(id), [
      id,
      parent ?? '',
      orchestrator,
      bodyDigest,
      ttlMs,
      taskTerms(asked),
      entry.requestId,
      factsOf(entry),
      misplaced,
      mostOpenInTree ?? '',
    ]);
    entry.markConcluded();
    if (answer instanceof Refusal) return answer;
    return { task: this.#remember(id, answer[1] as string), created: answer[0] === 1 };
  }

  async readTask(id: TaskId): Promise<Task | undefined> {
    const [record] = await this.#slots.ask('read-task', this.slotOf(id), [id]);
    if (record !== '') return this.#remember(id, record as string);
    this.#memory.forget(id);
    return undefined;
  }

  recallTask(id: TaskId): Promise<Task | undefined> {
    const ailment = this.#slots.closed();
    if (ailment) return Promise.reject(ailment);
    const known = this.#memory.get(id);
    return known ? Promise.resolve(known) : this.readTask(id);
  }

  /** When the task that this broker knows by the id was opened, or undefined where it knows none. */
  openingOf(id: TaskId): number | undefined {
    return this.#memory.get(id)?.openedAt;
  }

  /** Something happened to the task, and to all below it; without a name, to any. */
  forget(id?: TaskId): void {
    if (id === undefined) {
      this.#memory.clear();
      this.contexts.clear();
      return;
    }
    this.#memory.forgetTree(id);
    this.contexts.forget(rootOf(id));
  }

  async listTasks(query: TaskQuery): Promise<Task[]> {
    const { tree, after, limit } = query;
    const seen = (task: Task): boolean =>
      (query.orchestrator === undefined || task.orchestrator === query.orchestrator) &&
      (query.roots === undefined || anyMatches(query.roots, rootOf(task.id)));
    // A page that begins behind something that may not be seen must not tell that it is there.
    const cursor = after === undefined ? undefined : await this.readTask(after as TaskId);
    if (after !== undefined && (!cursor || !seen(cursor))) return [];
    const fits = (task: Task): boolean =>
      seen(task) &&
      (query.state === undefined || task.state === query.state) &&
      (cursor === undefined || newestFirst(cursor, task) < 0);
    if (tree !== undefined) {
      const tasks = await treeOf(this.#slots, this.slotOf(tree as TaskId), tree as TaskId);
      return tasks.filter(fits).toSorted(newestFirst).slice(0, limit);
    }
    return newestTasks(this.#slots, { ...(query.state && { state: query.state }), fits, limit });
  }

  /** Slot by slot at the same time; of each, page by page. */
  async countOpenTasks(orchestrator: PrincipalName, most: number): Promise<Tally> {
    let count = 0;
    const countIn = async (slot: number): Promise<void> => {
      let behind = '';
      do {
        const page = await this.#slots.ask('count-open-tasks', slot, [orchestrator, behind, OPEN_PAGE]);
        const [found, next] = page as [number, string];
        count += found;
        behind = next;
      } while (behind !== '' && count < most);
    };
    await Promise.all(ALL_SLOTS.map(countIn));
    return count < most ? { count } : { count, atLeast: true };
  }

  /** The task and all below it. */
  async idsOf(tree: TaskId): Promise<TaskId[]> {
    return (await treeOf(this.#slots, this.slotOf(tree), tree)).map(({ id }) => id);
  }

  async countLeases(id: TaskId): Promise<LeaseCounts> {
    const counts = Object.fromEntries(LEASE_STATES.map((state) => [state, 0])) as Record<LeaseState, number>;
    const slot = this.slotOf(id);
    for await (const { lease } of this.#lists.newest(slot, 'of', id)) counts[lease.state]++;
    const [record] = await this.#slots.ask('read-task', slot, [id]);
    if (record === '') return counts;
    const past = pastCounts(record as string);
    return { ...counts, revoked: counts.revoked + past.revoked, expired: counts.expired + past.expired };
  }

  async extendTask(
    id: TaskId,
    { deadline, maxTtlMs }: { deadline: number; maxTtlMs: number },
    entry: AuditEntry,
  ): Promise<Task | Refusal> {
    const args = [id, deadline, maxTtlMs, entry.requestId, factsOf(entry)];
    const answer = await this.#slots.call('extend-task', this.slotOf(id), args);
    entry.markConcluded();
    return answer instanceof Refusal ? answer : this.#remember(id, answer[0] as string);
  }

  /** By its orchestrator, or by a selector that names it: then also where there is no such task. */
  async close(
    id: TaskId,
    { outcome, by, reason }: Closing,
    entry: AuditEntry,
    how: '' | 'kill',
  ): Promise<{ task?: Task; kill: string } | Refusal> {
    const args = [id, outcome, by, reason ?? '', entry.requestId, factsOf(entry), this.#skewMs, how];
    const answer = await this.#slots.call('close-task', this.slotOf(id), args, 'kills');
    entry.markConcluded();
    if (answer instanceof Refusal) return answer;
    this.forget(id);
    const [record, kill] = answer as [string, string];
    return { ...(record !== '' && { task: this.#remember(id, record) }), kill };
  }

  #remember(id: TaskId, record: string): Task {
    const task = taskFromRecord(id, record);
    this.#memory.keep(task);
    return task;
  }
}
