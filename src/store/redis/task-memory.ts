// The tasks that this broker has seen, by tree: a bounded memory, from which a whole tree is forgotten at once.
import type { TaskId } from '../../domain/ids.js';
import { rootOf } from '../../domain/ids.js';
import type { Task } from '../../domain/task.js';

const MOST_TREES = 10_000;
/** Of a tree that is larger only some are remembered. */
const MOST_IN_TREE = 1_000;

export class TaskMemory {
  readonly #trees = new Map<TaskId, Map<TaskId, Task>>();

  get(id: TaskId): Task | undefined {
    return this.#trees.get(rootOf(id))?.get(id);
  }

  keep(task: Task): void {
    const root = rootOf(task.id);
    let tree = this.#trees.get(root);
    if (!tree) {
      if (this.#trees.size >= MOST_TREES) this.#trees.delete(this.#trees.keys().next().value!);
      this.#trees.set(root, (tree = new Map()));
    }
    if (tree.size < MOST_IN_TREE || tree.has(task.id)) tree.set(task.id, task);
  }

  forget(id: TaskId): void {
    this.#trees.get(rootOf(id))?.delete(id);
  }

  /** The whole tree that the task is in: what happens to a task may have happened to all below it. */
  forgetTree(id: TaskId): void {
    this.#trees.delete(rootOf(id));
  }

  clear(): void {
    this.#trees.clear();
  }
}
