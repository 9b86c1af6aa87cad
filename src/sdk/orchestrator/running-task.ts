// A task while the work that it is for goes on.
/// <reference lib="esnext.disposable" preserve="true" />
import {
  type ExtendTaskRequest,
  type MayflyClient,
  MayflyError,
  type SignalView,
  type TaskView,
} from '../client/index.js';
import { pause } from '../client/pause.js';
import type { BrokerClock } from './broker-clock.js';
import { closed } from './closing.js';
import type { ChildTerms, TaskTerms } from './options.js';
import { type Ending, dismiss, enlist } from './program-end.js';
import { Timer } from './timer.js';

export type Outcome = 'completed' | 'failed' | 'cancelled';

const COMPLETED_WITHIN_MS = 30_000;
const SOONEST_EXTENSION_MS = 1000;

/** What a task is made of. */
export interface Parts {
  readonly broker: MayflyClient;
  readonly clock: BrokerClock;
  readonly terms: TaskTerms;
  /** Opens a task below, and runs a part of the work in it. */
  readonly below: <Result>(
    parts: Parts,
    parent: RunningTask,
    terms: ChildTerms,
    body: Body<Result>,
  ) => Promise<Result>;
}

/** The work. */
export type Body<Result> = (task: RunningTask) => Result | PromiseLike<Result>;

/** Made by `openTask` and `withTask`. Left by `await using` without `complete()`, it has failed. */
export class RunningTask implements AsyncDisposable {
  readonly id: string;
  readonly #parts: Parts;
  readonly #stop = new AbortController();
  /** By whoever opened it: to cancel. */
  readonly #asked: AbortSignal | undefined;
  readonly #deadline = new Timer();
  readonly #extension = new Timer();
  readonly #atProgramEnd: Ending = { end: (...how) => this.#endWithProgram(...how) };
  #view: TaskView;
  #ending: Promise<TaskView> | undefined;
  /** The first that was said stands, also when it has to be said again. */
  #outcome: Outcome | undefined;
  #isInterrupted = false;

  constructor(parts: Parts, view: TaskView) {
    this.id = view.id;
    this.#parts = parts;
    this.#view = view;
    if (parts.terms.endsWithProgram ?? true) enlist(this.#atProgramEnd);
    const { signal } = parts.terms;
    // One that many tasks share would have a listener for each, of which Node warns.
    this.#asked = signal && AbortSignal.any([signal]);
    this.#asked?.addEventListener('abort', this.#onAbort, { once: true });
    this.#learn(view);
    if (signal?.aborted) this.#onAbort();
  }

  /** As the broker last told. */
  get view(): TaskView {
    return this.#view;
  }

  /**
   * Aborts when there is no use in going on: the task was cancelled, its deadline has come, or it was found closed.
   * Give it to whatever takes a signal.
   */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** Whether it was cancelled from outside while the work went on: by a signal, or with the program. */
  get isInterrupted(): boolean {
    return this.#isInterrupted;
  }

  /**
   * Reports what happened in it: when this resolves, whatever policy would now deny is dead. It cannot be taken back.
   *
   * @param type `untrusted_content`, `sensitive_data_read`, `anomaly`, or one that your policies know
   */
  report(type: string, reason?: string): Promise<SignalView> {
    return this.#parts.broker.signalTask(this.id, { type, ...(reason !== undefined && { reason }) });
  }

  /** A later deadline. */
  async extend(later: ExtendTaskRequest): Promise<TaskView> {
    const view = await this.#parts.broker.extendTask(this.id, later);
    if (!this.#ending) this.#learn(view);
    return view;
  }

  /** Runs a part of the work in a task below this one, as `withTask` does. */
  child<Result>(terms: ChildTerms, body: Body<Result>): Promise<Result> {
    return this.#parts.below(this.#parts, this, terms, body);
  }

  /**
   * Ends it and all below it: when this resolves, every credential of theirs is dead. Ended before, the first end stands.
   *
   * @throws MayflyError `ERR_KILL_UNCONFIRMED` where the broker did not answer within `completionTimeoutMs`
   */
  complete(reason?: string): Promise<TaskView> {
    return this.#end('completed', reason);
  }

  /** As `complete`, with another outcome. */
  fail(reason?: string): Promise<TaskView> {
    return this.#end('failed', reason);
  }

  /** As `complete`, with another outcome; and the work is told by `signal`. */
  cancel(reason?: string): Promise<TaskView> {
    this.#stopFor(over(`the task ${this.id} is cancelled`));
    return this.#end('cancelled', reason);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end('failed', 'left before it was completed');
  }

  /** What has failed may be tried again; what is under way, or done, is not begun anew. */
  #end(outcome: Outcome, reason?: string, withinMs?: number): Promise<TaskView> {
    this.#outcome ??= outcome;
    return (this.#ending ??= this.#closed(this.#outcome, reason, withinMs));
  }

  async #closed(
    outcome: Outcome,
    reason: string | undefined,
    withinMs = this.#parts.terms.completionTimeoutMs ?? COMPLETED_WITHIN_MS,
  ): Promise<TaskView> {
    this.#deadline.clear();
    this.#extension.clear();
    this.#asked?.removeEventListener('abort', this.#onAbort);
    try {
      const ending = { outcome, ...(reason !== undefined && { reason }) };
      this.#view = await closed(this.#parts.broker, this.#view, ending, withinMs);
      return this.#view;
    } catch (error) {
      this.#ending = undefined;
      throw error;
    } finally {
      dismiss(this.#atProgramEnd);
    }
  }

  async #endWithProgram(...[outcome, reason, withinMs]: Parameters<Ending['end']>): Promise<void> {
    if (!this.#ending) {
      this.#isInterrupted = true;
      this.#stopFor(over(`the task ${this.id} is ${outcome}: ${reason}`));
    }
    const settled = new AbortController();
    const ended = this.#end(outcome, reason, withinMs).catch(() => {});
    void ended.then(() => settled.abort());
    // An end that began before may have more patience.
    await Promise.race([ended, pause(withinMs, settled.signal).catch(() => {})]);
    dismiss(this.#atProgramEnd);
  }

  /** The kill does not wait until the work has stopped. */
  readonly #onAbort = (): void => {
    this.#isInterrupted = true;
    this.#stopFor(this.#parts.terms.signal!.reason);
    this.#end('cancelled').catch(() => {});
  };

  #stopFor(reason: unknown): void {
    this.#stop.abort(reason);
  }

  #learn(view: TaskView): void {
    this.#view = view;
    const leftMs = this.#parts.clock.until(view.deadline);
    const ended = over(`the task ${this.id} has reached its deadline, ${view.deadline}`);
    this.#deadline.set(leftMs, () => this.#stopFor(ended));
    if (this.#parts.terms.keepAlive) this.#extendIn((leftMs * 2) / 3);
  }

  #extendIn(ms: number): void {
    this.#extension.set(Math.max(ms, SOONEST_EXTENSION_MS), () => void this.#keepAlive());
  }

  async #keepAlive(): Promise<void> {
    const before = this.#view.deadline;
    try {
      await this.extend({ ttl: this.#parts.terms.ttl });
      // As far as it goes: no later one will be had.
      if (Date.parse(this.#view.deadline) <= Date.parse(before)) this.#extension.clear();
    } catch (error) {
      const { code, problem } = error as MayflyError;
      // The task above is kept open as well, at the same moment: its deadline, which is the bound, may be put off yet.
      const isBound = problem === 'deadline-not-later' && this.#view.parent !== undefined;
      if (problem === 'task-closed') this.#stopFor(over(`the task ${this.id} is closed`));
      else if (isBound || !/^ERR_(?:REFUSED|FORBIDDEN|NOT_FOUND)$/.test(code)) {
        const leftMs = this.#parts.clock.until(before);
        if (leftMs > 0 && !this.#ending) this.#extendIn(leftMs / 2);
      }
    }
  }
}

const over = (message: string): MayflyError => new MayflyError('ERR_TASK_OVER', message);
