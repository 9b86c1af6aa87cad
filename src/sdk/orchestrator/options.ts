// What a task is opened with.
import type { ClientOptions, OpenTaskRequest, TokenSource } from '../client/index.js';

/** How the task is held, beside what is asked of the broker. */
interface Keeping {
  /** Cancels the task. */
  readonly signal?: AbortSignal;
  /** How long its end is tried for while the broker is away: 30,000 ms. */
  readonly completionTimeoutMs?: number;
  /**
   * Puts the deadline off by `ttl`, again and again, while the task is open. Without it the deadline stands, so that a
   * program that hangs is cut off.
   */
  readonly keepAlive?: boolean;
  /** Cancels the task when the program is ended by a signal, crashes, or has nothing left to do: true. */
  readonly endsWithProgram?: boolean;
}

/** The manifest and what goes with it, as in `POST /v1/tasks` (docs/http.md). Without an `id` one is made up. */
export interface TaskTerms extends OpenTaskRequest, Keeping {}

export interface TaskOptions extends TaskTerms, Omit<ClientOptions, 'url' | 'token'> {
  /** The broker's URL. https, unless it is on this machine. */
  readonly broker: string;
  /** Your workload token, read at each use: platforms replace tokens while programs run. */
  readonly token: TokenSource;
}

/** A task below another one: its agents, its `ttl` and how it is kept are as of that one, where nothing else is said. */
export interface ChildTerms
  extends
    Pick<TaskTerms, 'purpose' | 'tools' | 'instance' | 'labels' | 'signal'>,
    Partial<Pick<TaskTerms, 'agents' | 'ttl' | 'completionTimeoutMs' | 'keepAlive'>> {
  /** The last segment of its id. Without it one is made up. */
  readonly name?: string;
}
