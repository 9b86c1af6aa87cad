// The tasks that this broker has seen, by tree: a bounded memory, from which a whole tree is forgotten at once.
import type { TaskId } from '../../domain/ids.js';
import { rootOf } from '../../domain/ids.js';
import type { Task } from '../../domain/task.js';

const MOST_TASKS = 20_000;
/** Of a tree that is larger only some are remembered. */
const MOST_IN_TREE = 1_000;

export class TaskMemory {
  /** The oldest first. */
  readonly #trees = new Map<TaskId, Map<TaskId, Task>>();
  #size = 0;

  get(id: TaskId): Task | undefined {
    return this.#trees.get(rootOf(id))?.get(id);
  }

  keep(task: Task): void {
    const root = rootOf(task.id);
    let tree = this.#trees.get(root);
    if (!tree) this.#trees.set(root, (tree = new Map()));
    if (!tree.has(task.id)) {
      if (tree.size >= MOST_IN_TREE) return;
      this.#size++;
    }
    tree.set(task.id, task);
    while (this.#size > MOST_TASKS) this.forgetTree(this.#trees.keys().next().value!);
  }

  forget(id: TaskId): void {
    if (this.#trees.get(rootOf(id))?.delete(id)) this.#size--;
  }

  /** The whole tree that the task is in: what happens to a task may have happened to all below it. */
  forgetTree(id: TaskId): void {
    this.#size -= this.#trees.get(rootOf(id))?.size ?? 0;
    this.#trees.delete(rootOf(id));
  }

  clear(): void {
    this.#trees.clear();
    this.#size = 0;
  }
}
