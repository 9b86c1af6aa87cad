// What has come to pass in trees of tasks, in Redis: read, remembered, added to, and due for review.
import type { AuditEntry } from '../../audit/entry.js';
import type { TaskId } from '../../domain/ids.js';
import { rootOf } from '../../domain/ids.js';
import { Refusal } from '../../domain/refusal.js';
import type { TreeContext } from '../../domain/tree-context.js';
import { ContextChanged, NO_CONTEXT } from '../../domain/tree-context.js';
import type { ContextStore, DueReview, LeaseRequest, Signalling } from '../store.js';
import { factsOf, luaJson } from './records.js';
import type { Slots } from './slots.js';
import type { Tasks } from './tasks.js';

/** In place of a result, before the tree's root and the record of its context: see issue-lease.lua. */
const CHANGED = 'changed';

export class Contexts implements ContextStore {
  readonly #slots: Slots;
  readonly #tasks: Tasks;

  constructor(slots: Slots, tasks: Tasks) {
    this.#slots = slots;
    this.#tasks = tasks;
  }

  async readContext(root: TaskId): Promise<TreeContext> {
    const args = ['contexts', '', root];
    const [record] = await this.#slots.ask('read-field', this.#tasks.slotOf(root), args);
    return this.learn(root, record as string);
  }

  recallContext(root: TaskId): Promise<TreeContext> {
    const ailment = this.#slots.closed();
    if (ailment) return Promise.reject(ailment);
    const known = this.#tasks.contexts.get(root);
    return known ? Promise.resolve(known) : this.readContext(root);
  }

  /** As the store has just told. */
  learn(root: TaskId, record: string): TreeContext {
    const context = contextFromRecord(record);
    this.#tasks.contexts.keep(root, context);
    return context;
  }

  /** Where a transition answered that it has to be decided again. */
  changeIn(answer: readonly unknown[] | Refusal): ContextChanged | undefined {
    if (answer instanceof Refusal || answer[0] !== CHANGED) return undefined;
    const [, root, record] = answer as [string, TaskId, string];
    return new ContextChanged(this.learn(root, record));
  }

  async signalTask(id: TaskId, type: string, most: number, entry: AuditEntry): Promise<Signalling | Refusal> {
    const args = [id, luaJson(type), most, factsOf(entry)];
    // One that a failover loses would leave open what it was to narrow: it waits for replicas, as a close does.
    const answer = await this.#slots.call('signal-task', this.#tasks.slotOf(id), args, 'reservations');
    entry.markConcluded();
    if (answer instanceof Refusal) return answer;
    const [added, due, record] = answer as [number, number, string];
    return { context: this.learn(rootOf(id), record), added: added === 1, due: due === 1 };
  }

  async dueReviews(limit: number, forMs: number): Promise<DueReview[]> {
    const answers = await this.#slots.askAll('due-reviews', [limit, forMs]);
    return answers
      .flatMap((answer) => duesIn(answer as (string | number)[]))
      .toSorted((a, b) => a.since - b.since)
      .slice(0, limit)
      .map(({ root, version }) => ({ root, version }));
  }

  async concludeReview(root: TaskId, version: number): Promise<void> {
    await this.#slots.ask('conclude-review', this.#tasks.slotOf(root), [root, version]);
  }

  async principalFacts(root: TaskId, digest: string): Promise<string | undefined> {
    const args = ['facts', root, digest];
    const [facts] = await this.#slots.ask('read-field', this.#tasks.slotOf(root), args);
    return facts === '' ? undefined : (facts as string);
  }
}

const duesIn = (answer: readonly (string | number)[]): (DueReview & { readonly since: number })[] =>
  answer.flatMap((root, at) =>
    at % 3 === 0
      ? [{ root: root as TaskId, since: answer[at + 1] as number, version: answer[at + 2] as number }]
      : [],
  );

/** Lines: version, refusals, signals, holdings. Empty: there is none. */
function contextFromRecord(record: string): TreeContext {
  if (record === '') return NO_CONTEXT;
  const [version, refusals, signals, held] = record.split('\n') as [string, string, string, string];
  return {
    version: Number(version),
    signals: JSON.parse(signals) as string[],
    held: JSON.parse(held) as TreeContext['held'],
    refusals: Number(refusals),
  };
}

/**
 * What an issuance was decided on, as one argument: version, holding, digest and facts, or empty. `isKept`: the store has
 * the facts, which are longer than all the rest.
 */
export const decisionOf = (
  { decidedOn, basis }: Pick<LeaseRequest, 'decidedOn' | 'basis'>,
  isKept: boolean,
): string =>
  decidedOn
    ? `${decidedOn.version}\n${JSON.stringify(decidedOn.holding)}\n${basis?.principal ?? ''}\n${isKept ? '' : decidedOn.principal}`
    : '';
