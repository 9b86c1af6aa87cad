// What an agent wants of a tool, as it is asked of the broker.
import { MayflyError } from '../client/errors.js';
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

/** @throws MayflyError `ERR_USAGE` for terms that say something else than they seem to */
export function exchangeFor(agentTask: string, tool: string, terms: ToolTerms): ExchangeRequest {
  const { task = agentTask, actions, resources, ttlSeconds } = terms;
  checkText('the task', task);
  checkText('the tool', tool);
  checkList('actions', actions);
  checkList('resources', resources);
  return {
    task_id: task,
    audience: tool,
    ...(actions && { scope: setOf(actions) }),
    ...(resources && { authorization_details: [{ type: 'mayfly_tool', resources: setOf(resources) }] }),
    ...(ttlSeconds !== undefined && { requested_expiry: ttlSeconds }),
  };
}

/** Two who want the same in another order want the same. */
const setOf = (names: readonly string[]): string[] => [...new Set(names)].sort();

/** A variable of the environment that is not set comes as undefined, or as an empty text. */
export function checkText(what: string, value: unknown): void {
  if (typeof value === 'string' && value !== '') return;
  throw new MayflyError(
    'ERR_USAGE',
    `${what} is to be named, and ${JSON.stringify(value) ?? 'undefined'} is no name`,
  );
}

/**
 * To the broker no action is no wish, so all that there is: who narrowed a list until nothing was left would get
 * everything. And a text is a list of its letters, `/` among them.
 */
function checkList(what: string, value: unknown): void {
  if (value === undefined) return;
  if (Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === 'string')) return;
  throw new MayflyError(
    'ERR_USAGE',
    `${what} are a list with at least one name; leave them out for all that the task has`,
  );
}
