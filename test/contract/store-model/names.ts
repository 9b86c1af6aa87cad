// The few names that a random run plays with: few, so that its commands meet one another.
import type { PrincipalName } from '../../../src/domain/ids.js';

export const AGENTS = ['cluster/a', 'cluster/b', 'github/a'] as PrincipalName[];
export const TOOLS = ['crm', 'mail'];
export const TRUSTS = ['cluster', 'github'];
export const KEYS = ['key-1', 'key-2'];
export const ROOTS = ['run-4', 'run-42'];
/** Below each root; a parent comes before its children. */
export const CHILDREN = ['', '.a', '.a.b', '.c'];
