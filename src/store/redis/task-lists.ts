// Tasks as they are listed: the newest of all slots, or a whole tree.
import type { TaskId } from '../../domain/ids.js';
import type { Task, TaskState } from '../../domain/task.js';
import { ALL_SLOTS } from './keys.js';
import { taskFromRecord } from './records.js';
import type { Slots } from './slots.js';

const LEAST_PAGE = 4;
const TREE_PAGE = 100;

/** What has been read of a slot. */
interface Part {
  readonly slot: number;
  readonly tasks: Task[];
  /** Where to read on, and what to expect there at the most; undefined at the end. */
  next: number | undefined;
  newestLeft: number;
}

export const newestFirst = (a: Task, b: Task): number =>
  b.openedAt - a.openedAt || (a.id < b.id ? 1 : a.id > b.id ? -1 : 0);

export interface Wanted {
  readonly state?: TaskState;
  readonly fits: (task: Task) => boolean;
  readonly limit: number;
}

/** Reads a little of each slot, and more only of those that may still hold some of the newest. */
export async function newestTasks(slots: Slots, { state, fits, limit }: Wanted): Promise<Task[]> {
  const page = Math.max(LEAST_PAGE, Math.ceil((2 * limit) / ALL_SLOTS.length));
  const parts: Part[] = ALL_SLOTS.map((slot) => ({ slot, tasks: [], next: 0, newestLeft: Infinity }));
  for (let unread = parts; ;) {
    await Promise.all(unread.map((part) => readOn(slots, part, page, state === 'open' ? state : '', fits)));
    const newest = parts
      .flatMap(({ tasks }) => tasks)
      .toSorted(newestFirst)
      .slice(0, limit);
    const bound = newest.length < limit ? -Infinity : newest.at(-1)!.openedAt;
    unread = parts.filter(({ next, newestLeft }) => next !== undefined && newestLeft >= bound);
    if (unread.length === 0) return newest;
  }
}

async function readOn(
  slots: Slots,
  part: Part,
  page: number,
  state: 'open' | '',
  fits: (task: Task) => boolean,
): Promise<void> {
  const answer = await slots.ask('list-tasks', part.slot, [part.next!, page, state]);
  const [next, looked, ...records] = answer as [number, number, ...string[]];
  // One that was opened meanwhile moves the others on by a place: what was seen comes once more.
  const seen = new Set(part.tasks.map(({ id }) => id));
  part.tasks.push(...tasksIn(records).filter((task) => fits(task) && !seen.has(task.id)));
  part.next = next < 0 ? undefined : next;
  part.newestLeft = looked;
}

/** The task and all below it, in the order of their ids. */
export async function treeOf(slots: Slots, slot: number, root: TaskId): Promise<Task[]> {
  const tasks: Task[] = [];
  for (;;) {
    const behind = tasks.at(-1)?.id ?? '';
    const page = tasksIn((await slots.ask('list-tree', slot, [root, behind, TREE_PAGE])) as string[]);
    tasks.push(...page);
    if (page.length < TREE_PAGE) return tasks;
  }
}

function tasksIn(records: readonly string[]): Task[] {
  const tasks: Task[] = [];
  for (let at = 0; at < records.length; at += 2)
    tasks.push(taskFromRecord(records[at] as TaskId, records[at + 1]!));
  return tasks;
}
