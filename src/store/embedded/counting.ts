// Counting what is alive and open, for limits: along indexes that pass over all that is over.
import type { PrincipalName, TaskId } from '../../domain/ids.js';
import type { Tally } from '../store.js';
import { inTree, treeBounds } from './conditions.js';
import { type Ledger } from './ledger.js';
import { ALIVE_SQL } from './standing.js';

const OPEN_IN_TREE = `SELECT count(*) AS n FROM task WHERE state = 'open' AND ${inTree('id')}`;

const OPEN_OF = `SELECT count(*) AS n FROM (
  SELECT 1 FROM task WHERE state = 'open' AND orchestrator = ? AND deadline > ? LIMIT ?)`;

const live = (column: 'task_id' | 'agent'): string => `SELECT count(*) AS n FROM (
  SELECT 1 FROM lease l JOIN task t ON t.id = l.task_id WHERE l.${column} = ?2 AND ${ALIVE_SQL} LIMIT ?3)`;
const LIVE_IN_TASK = live('task_id');
const LIVE_OF_AGENT = live('agent');

/** Swept or not: what a close of the tree would have to write. */
export const openInTree = (ledger: Ledger, root: TaskId): number =>
  Number(ledger.db.sql(OPEN_IN_TREE).get(...treeBounds(root))!['n']);

export function countOpenTasks(ledger: Ledger, orchestrator: PrincipalName, most: number): Tally {
  const counted = ledger.db.sql(OPEN_OF).get(orchestrator, ledger.now(), most)!;
  return tally(Number(counted['n']), most);
}

export function countLive(
  ledger: Ledger,
  of: { readonly task: TaskId } | { readonly agent: PrincipalName },
  most: number,
): Tally {
  const now = ledger.now();
  const counted =
    'task' in of
      ? ledger.db.sql(LIVE_IN_TASK).get(now, of.task, most)
      : ledger.db.sql(LIVE_OF_AGENT).get(now, of.agent, most);
  return tally(Number(counted!['n']), most);
}

/** Where as many were found as were looked for there may be more. */
const tally = (count: number, most: number): Tally => (count < most ? { count } : { count, atLeast: true });
