// The few names that a random run plays with: few, so that its commands meet one another.
import type { PrincipalName } from '../../../src/domain/ids.js';

export const AGENTS = ['cluster/a', 'cluster/b', 'github/a'] as PrincipalName[];
export const TOOLS = ['crm', 'mail'];
export const TRUSTS = ['cluster', 'github'];
export const KEYS = ['key-1', 'key-2', 'key-3'];
export const INSTANCES = ['pod:1', 'pod:2', 'key:1'];
/** One of them begins with another, but is no part of its tree. */
export const ROOTS = ['run-4', 'run-42', 'run-4_a', 'run-5'];
export const CHILDREN = ['', '.a', '.a.b', '.c'];
/** Open from the beginning. */
export const FIRST_TASKS = ['run-4', 'run-4.a', 'run-42'];
export const HOLDINGS = ['data:confidential:crm', 'data:internal:crm', 'tool:public:mail'] as const;
export const SIGNALS = ['untrusted_content', 'secret "read"', 'unusual'] as const;
