// How a lease stands, told in SQL: the same rule as `standing` in domain/lease.ts, for counting and filtering.
import type { Selector } from '../../domain/selector.js';
import type { Value } from './database.js';
import { inTree, treeBounds } from './ledger.js';

/** Whether a wide selector kills lease `l`; `bound` limits which. */
const killedByWide = (bound: string): string => `EXISTS (
  SELECT 1 FROM revocation r
  WHERE r.kind IN ('agent', 'tool', 'trust', 'key', 'all') AND l.issued_at <= ifnull(r.cutoff, 9e15) AND ${bound} AND (
    r.kind = 'all' OR (r.kind = 'tool' AND r.name = l.tool) OR (r.kind = 'trust' AND r.name = l.trust)
    OR (r.kind = 'key' AND r.name = l.key_id)
    OR (r.kind = 'agent' AND (r.name = l.agent OR r.name IN (SELECT value FROM json_each(l.actors))))))`;

/** The standing of lease `l` of task `t` at time ?1. */
export const STANDING_SQL = `CASE
  WHEN l.state NOT IN ('active', 'reserved') THEN l.state
  WHEN ifnull(t.closed_at, 9e15) < l.expires_at OR ${killedByWide('r.at < l.expires_at')}
    THEN iif(l.external, 'revoking', 'revoked')
  WHEN l.expires_at <= ?1 THEN iif(l.external, 'revoking', 'expired')
  ELSE l.state END`;

/** Whether lease `l` of task `t` was alive until time ?1: what ended it, if anything did, did so then or later. */
export const ALIVE_UNTIL_SQL = `(l.issued_at <= ?1 AND l.expires_at > ?1
  AND ifnull(l.ended_at, 9e15) >= ?1 AND ifnull(t.closed_at, 9e15) >= ?1 AND NOT ${killedByWide('r.at < ?1')})`;

/** The condition on lease `l` that the selector names it. Anonymous parameters, to be bound after the numbered ones. */
export function namedBy({ kind, name }: Selector): { where: string; values: Value[] } {
  switch (kind) {
    case 'lease':
      return { where: 'l.id = ?', values: [name] };
    case 'task':
      return { where: inTree('l.task_id'), values: treeBounds(name) };
    case 'agent':
      return {
        where: '(l.agent = ? OR (l.actors IS NOT NULL AND ? IN (SELECT value FROM json_each(l.actors))))',
        values: [name, name],
      };
    case 'tool':
      return { where: 'l.tool = ?', values: [name] };
    case 'trust':
      return { where: 'l.trust = ?', values: [name] };
    case 'key':
      return { where: 'l.key_id = ?', values: [name] };
    case 'all':
      return { where: '1', values: [] };
  }
}
