// Conditions that more than one query asks for.
import type { Value } from './database.js';

/** External leases that somebody has still to account for. Word for word the condition of an index. */
export const UNSETTLED = "external = 1 AND state IN ('reserved', 'active', 'revoking')";

/** A task and all below it, as a range of ids: `.` is followed by `/` in ASCII. Takes `treeBounds`. */
export const inTree = (column: string): string => `(${column} = ? OR (${column} > ? AND ${column} < ?))`;
export const treeBounds = (tree: string): Value[] => [tree, `${tree}.`, `${tree}/`];
