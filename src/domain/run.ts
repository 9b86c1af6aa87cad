// A run of a workflow whose task opens by itself: what it may hold is the configuration's word, never the run's.
import { DAY_MS } from './duration.js';
import type { PrincipalName, TaskId } from './ids.js';

/** For so long a run may wait for an approval, and then go on: its task must not be forgotten by then. */
export const RUN_WAITS_MS = 30 * DAY_MS;

/** What every run of one trust gets: no run can ask for more, and none for something else. */
export interface RunTemplate {
  /** The task of a run is named by this, its repository, its run and its attempt. Nobody else may open such a name. */
  readonly prefix: string;
  /** From the first exchange of the run. */
  readonly ttlMs: number;
  /** As a manifest holds them. */
  readonly tools: readonly {
    readonly tool: string;
    readonly actions: readonly string[];
    readonly resources?: readonly string[];
  }[];
}

/** Whether the task is that of a run, and so for the jobs of that run alone: no principal's name is without a slash. */
export const isTaskOfRun = ({ orchestrator }: { readonly orchestrator: PrincipalName }): boolean =>
  !orchestrator.includes('/');

/** The run that a principal is a job of, as its issuer vouches for it. */
export interface OwnRun {
  readonly taskId: TaskId;
  /** The name of the trust, which no principal can bear, as theirs have a slash: the task is no single job's. */
  readonly orchestrator: PrincipalName;
  /** What the issuer calls it: the instance that the task is bound to. */
  readonly id: string;
  readonly template: RunTemplate;
}
