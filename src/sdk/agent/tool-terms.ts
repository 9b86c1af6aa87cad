// What an agent wants of a tool, as it is asked of the broker.
import type { ExchangeRequest } from '../client/index.js';

export interface ToolTerms {
  /** Absent: all that the task may do there. */
  readonly actions?: readonly string[];
  /** Names or globs. Absent: all that the task may reach. */
  readonly resources?: readonly string[];
  /** Another task than the agent's, as one below it. */
  readonly task?: string;
  /** How long a credential may live at the most: the broker gives less where policy, tool or task say so. */
  readonly ttlSeconds?: number;
  /**
   * Where the tool is reached, when that is not where its audience says: the credential goes to these addresses, and
   * to what is below them.
   */
  readonly url?: string | readonly string[];
}

export function exchangeFor(task: string, tool: string, terms: ToolTerms): ExchangeRequest {
  const { actions, resources, ttlSeconds } = terms;
  return {
    task_id: terms.task ?? task,
    audience: tool,
    ...(actions && { scope: setOf(actions) }),
    ...(resources && { authorization_details: [{ type: 'mayfly_tool', resources: setOf(resources) }] }),
    ...(ttlSeconds !== undefined && { requested_expiry: ttlSeconds }),
  };
}

/** Two who want the same in another order want the same. */
const setOf = (names: readonly string[]): string[] => [...new Set(names)].sort();
