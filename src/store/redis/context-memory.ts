// The contexts of trees that this broker has seen, for decisions whose transitions compare the version.
import { MINUTE_MS } from '../../domain/duration.js';
import type { TaskId } from '../../domain/ids.js';
import type { TreeContext } from '../../domain/tree-context.js';
import { withHolding } from '../../domain/tree-context.js';
import type { DecidedOn } from '../store.js';

const MOST_TREES = 10_000;
const MOST_FACTS = 1_000;
/**
 * A root's id may be used again when its task was purged, and versions then begin anew: what is remembered of the tree
 * before must be gone by the time that another has come as far, or a decision on the one would pass for the other.
 */
const REMEMBERED_FOR_MS = MINUTE_MS;

interface Remembered {
  readonly context: TreeContext;
  /** When the store told of it, by `performance.now`. */
  readonly at: number;
  /** Digests of facts about principals that the store keeps. */
  readonly facts: Set<string>;
}

export class ContextMemory {
  /** The oldest first. */
  readonly #trees = new Map<TaskId, Remembered>();

  get(root: TaskId): TreeContext | undefined {
    const known = this.#trees.get(root);
    return known && performance.now() - known.at < REMEMBERED_FOR_MS ? known.context : undefined;
  }

  /** Whether the store has been given these facts of late. */
  keepsFacts(root: TaskId, facts: string): boolean {
    return this.get(root) !== undefined && this.#trees.get(root)!.facts.has(facts);
  }

  /** As the store has just told. */
  keep(root: TaskId, context: TreeContext): void {
    this.#put(root, { context, at: performance.now(), facts: new Set() });
  }

  /**
   * Something was given out on a context, which has the version `after` since: -1 where that is not known. What cannot
   * be worked out from the context that it was given out on is forgotten.
   */
  held(root: TaskId, { version, holding }: DecidedOn, after: number, facts?: string): void {
    const known = this.#trees.get(root);
    if (known && facts !== undefined && known.facts.size < MOST_FACTS) known.facts.add(facts);
    if (!known || (after >= 0 && known.context.version >= after)) return;
    const context = withHolding(known.context, holding);
    if (known.context.version === version && context.version === after)
      this.#put(root, { ...known, context });
    else this.forget(root);
  }

  forget(root: TaskId): void {
    this.#trees.delete(root);
  }

  clear(): void {
    this.#trees.clear();
  }

  #put(root: TaskId, remembered: Remembered): void {
    this.#trees.delete(root);
    if (this.#trees.size >= MOST_TREES) this.#trees.delete(this.#trees.keys().next().value!);
    this.#trees.set(root, remembered);
  }
}
