// `mayfly/orchestrator`: tasks that end with the work that they are for. docs/orchestrator.md tells how to use it.
export { withTask } from './with-task.js';
export { openTask } from './open-task.js';
export type { ChildTerms, TaskOptions, TaskTerms } from './options.js';
export type { RunningTask } from './running-task.js';
export { DpopKey, MayflyError } from '../client/index.js';
export type { MayflyErrorCode, SignalView, TaskView, TokenSource } from '../client/index.js';
