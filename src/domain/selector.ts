// Selectors: what a kill names.
import type { LeaseId, TaskId } from './ids.js';

export const SELECTOR_KINDS = ['lease', 'task', 'agent', 'tool', 'trust', 'key', 'all'] as const;
export type SelectorKind = (typeof SELECTOR_KINDS)[number];

export interface Selector {
  readonly kind: SelectorKind;
  /** Empty for `all`. */
  readonly name: string;
}

/**
 * Kinds that name more than one task's leases and leave room for later ones: they carry a cut-off in store
 * time and raise the fence. `lease`, `task` and `key` name something that is over for good and need none.
 */
export const WIDE_KINDS: ReadonlySet<SelectorKind> = new Set(['agent', 'tool', 'trust', 'all']);

export const selectorText = ({ kind, name }: Selector): string =>
  kind === 'all' ? 'all' : `${kind}:${name}`;

export const leaseSelector = (id: LeaseId): Selector => ({ kind: 'lease', name: id });
export const taskSelector = (id: TaskId): Selector => ({ kind: 'task', name: id });
