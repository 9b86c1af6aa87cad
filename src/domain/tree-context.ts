// What has come to pass in a tree of tasks, as far as decisions rest on it. It belongs to the root, and only grows.
import type { Plane, Sensitivity } from './tool.js';

/** What a tool gives access to: `<plane>:<sensitivity>:<tool>`, as the catalogue had it when it was given. */
export type Holding = `${Plane}:${Sensitivity}:${string}`;

export interface TreeContext {
  /** Grows with every change: a decision on another version was not made on this context. Zero: nothing happened yet. */
  readonly version: number;
  /** Types of what was reported, in the order of their first report. */
  readonly signals: readonly string[];
  /** What anybody in the tree was ever given: what was read stays read, whatever became of the lease. */
  readonly held: readonly Holding[];
  /** How many requests of admitted agents were refused; counted up to `MOST_REFUSALS`. */
  readonly refusals: number;
}

/** Of a tree in which nothing has happened yet. */
export const NO_CONTEXT: TreeContext = Object.freeze({ version: 0, signals: [], held: [], refusals: 0 });

/** Where the count of refusals stops, and with it what a caller can do to the version. */
export const MOST_REFUSALS = 1000;

/** Said by a transition instead of a result: the context is another one by now, nothing happened, decide again. */
export class ContextChanged {
  readonly context: TreeContext;

  constructor(context: TreeContext) {
    this.context = context;
  }
}

/** What a decision rested on beyond the lease itself, kept with it: to decide again when the context has changed. */
export interface DecisionBasis {
  /** SHA-256 of the facts about the principal, which the store keeps once for each tree. */
  readonly principal: string;
  /** The caller's address. */
  readonly address?: string;
  /** What was asked for, where anything was. */
  readonly ttlMs?: number;
}

export const holdingOf = (tool: {
  readonly plane: Plane;
  readonly sensitivity: Sensitivity;
  readonly name: string;
}): Holding => `${tool.plane}:${tool.sensitivity}:${tool.name}`;

/** Whether giving it out makes the tree hold what it did not, beside something that it held before. */
export const widensHeld = ({ held }: TreeContext, holding: Holding): boolean =>
  held.length > 0 && !held.includes(holding);

/** What comes after it, or the context itself where that changes nothing. */
export const withHolding = (context: TreeContext, holding: Holding): TreeContext =>
  context.held.includes(holding)
    ? context
    : { ...context, version: context.version + 1, held: [...context.held, holding] };
export const withSignal = (context: TreeContext, type: string): TreeContext =>
  context.signals.includes(type)
    ? context
    : { ...context, version: context.version + 1, signals: [...context.signals, type] };
export const withRefusal = (context: TreeContext): TreeContext =>
  context.refusals >= MOST_REFUSALS
    ? context
    : { ...context, version: context.version + 1, refusals: context.refusals + 1 };
