// How a lease stands, told in SQL: the same rule as `standing` in domain/lease.ts, for counting and filtering.
import type { Selector } from '../../domain/selector.js';
import type { Value } from './database.js';
import { inTree, treeBounds } from './conditions.js';

/** Whether a wide selector kills lease `l`; `bound` limits which. Each line is one look-up in the index. */
const killedByWide = (bound: string): string => {
  const killedBy = (kind: string, name: string): string => `EXISTS (SELECT 1 FROM revocation r
    WHERE r.kind = '${kind}' AND r.name ${name} AND ${bound} AND l.issued_at <= ifnull(r.cutoff, 9e15))`;
  return `(${[
    killedBy('all', "= ''"),
    killedBy('agent', '= l.agent'),
    killedBy('tool', '= l.tool'),
    killedBy('trust', '= l.trust'),
    killedBy('key', '= l.key_id'),
    `(l.actors IS NOT NULL AND ${killedBy('agent', 'IN (SELECT value FROM json_each(l.actors))')})`,
  ].join(' OR ')})`;
};

/** The standing of lease `l` of task `t` at time ?1. */
export const STANDING_SQL = `CASE
  WHEN l.state NOT IN ('active', 'reserved') THEN l.state
  WHEN ifnull(t.closed_at, 9e15) < l.expires_at OR ${killedByWide('r.at < l.expires_at')}
    THEN iif(l.external, 'revoking', 'revoked')
  WHEN l.expires_at <= ?1 THEN iif(l.external, 'revoking', 'expired')
  ELSE l.state END`;

/** Whether lease `l` of task `t` is alive at ?1, its own present. */
export const ALIVE_SQL = `(l.expires_at > ?1 AND ${STANDING_SQL} IN ('active', 'reserved'))`;

/** Whether lease `l` of task `t` was alive when a kill of time ?1 came: what ended it did so then or later. */
export const ALIVE_UNTIL_SQL = `(l.expires_at > ?1 AND l.issued_at <= ?1
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
