// The inline session policy of one credential: what its grant allows until it expires, and a Deny of everything else.
import type { Grant } from '../../domain/grant.js';
import type { TaskId } from '../../domain/ids.js';
import { rootOf } from '../../domain/ids.js';
import { Refusal } from '../../domain/refusal.js';
import type { SessionTemplate, StatementTemplate } from '../../domain/session-template.js';
import { isBounded, RESOURCE, TASK } from '../../domain/session-template.js';

/** STS: characters of the plain text. What it packs into is bounded as well, by a measure that AWS does not tell. */
export const MAX_POLICY_LENGTH = 2048;
/** The longest key of S3. */
const MAX_RESOURCE_LENGTH = 1024;
/**
 * Printable ASCII but for what a policy reads as more than itself: `?` is a wildcard, `$` and braces begin variables,
 * quotes and the backslash end strings. `*` stays: there, as in our globs, it is any run of characters.
 */
const RESOURCE_TEXT = /^[\x21#%&()*+,\-./0-9:;=@A-Z[\]_a-z~]+$/;

export interface SessionBounds {
  readonly taskId: TaskId;
  /** Milliseconds, a whole second: from then on it allows nothing. */
  readonly expiresAt: number;
}

interface Statement {
  readonly Effect: 'Allow' | 'Deny';
  readonly Action?: string | readonly string[];
  readonly NotAction?: readonly string[];
  readonly Resource: string | readonly string[];
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
}

/**
 * The policy's JSON: never more than the grant's actions on the grant's resources. Refuses (`resource_not_granted`) a
 * resource that it cannot say exactly, one that the template has no place for, and what is too long for AWS.
 *
 * @throws Error where the template says nothing of an action that was granted
 */
export function sessionPolicy(
  template: SessionTemplate,
  grant: Pick<Grant, 'actions' | 'details'>,
  bounds: SessionBounds,
): string | Refusal {
  const flaw = resourceFlaw(grant);
  if (flaw) return flaw;
  const allows = new Allows(rootOf(bounds.taskId));
  for (const { actions, resources } of grant.details ?? [{ actions: grant.actions, resources: ['*'] }]) {
    const bound = !resources.includes('*');
    for (const action of actions.filter((name) => grant.actions.includes(name))) {
      const statements = Object.hasOwn(template.actions, action) ? template.actions[action]! : [];
      if (statements.length === 0) throw new Error(`the template says nothing of ${action}`);
      const loose = statements.find((statement) => bound && !isBounded(statement));
      if (loose)
        return new Refusal(
          'resource_not_granted',
          `${action} has ${loose.actions.join(' ')} without ${RESOURCE}: it cannot be bound to resources`,
        );
      for (const statement of statements) allows.add(statement, resources);
    }
  }
  const text = written([...allows.statements(), ...denials(allows.actions(), bounds)]);
  return text.length <= MAX_POLICY_LENGTH
    ? text
    : new Refusal(
        'resource_not_granted',
        `its policy would have ${text.length} characters, AWS takes ${MAX_POLICY_LENGTH}: ask for fewer resources`,
      );
}

/** Characters of the shortest policy that one action can come to: where that is too long, no grant of it ever fits. */
export function leastLength(template: SessionTemplate, action: string): number {
  const allows = new Allows('x');
  for (const statement of template.actions[action] ?? []) allows.add(statement, ['x']);
  return written([...allows.statements(), ...denials(allows.actions(), { expiresAt: 0 })]).length;
}

function resourceFlaw({ details }: Pick<Grant, 'details'>): Refusal | undefined {
  for (const { resources } of details ?? []) {
    if (resources.length === 0) return new Refusal('resource_not_granted', 'a detail without resources');
    for (const resource of resources) {
      if (!RESOURCE_TEXT.test(resource) || resource.length > MAX_RESOURCE_LENGTH)
        return new Refusal(
          'resource_not_granted',
          `${JSON.stringify(resource.slice(0, 80))} cannot stand in a policy of AWS`,
        );
    }
  }
  return undefined;
}

/** Statements with the actions of those that are alike put together: characters are few. */
class Allows {
  readonly #task: string;
  readonly #byScope = new Map<string, { readonly actions: Set<string>; readonly rest: Statement }>();

  constructor(task: string) {
    this.#task = task;
  }

  add({ actions, resources, like }: StatementTemplate, granted: readonly string[]): void {
    const fill = (texts: readonly string[]): string[] => [
      ...new Set(texts.flatMap((text) => (granted.length > 0 ? this.#filled(text, granted) : []))),
    ];
    const conditions = Object.entries(like ?? {}).map(([key, values]) => [key, fill(values)] as const);
    const rest: Statement = {
      Effect: 'Allow',
      Resource: fill(resources),
      ...(conditions.length > 0 && { Condition: { StringLike: Object.fromEntries(conditions) } }),
    };
    const scope = JSON.stringify(rest);
    const there = this.#byScope.get(scope);
    if (there) for (const action of actions) there.actions.add(action);
    else this.#byScope.set(scope, { actions: new Set(actions), rest });
  }

  actions(): string[] {
    return [...new Set([...this.#byScope.values()].flatMap(({ actions }) => [...actions]))];
  }

  statements(): Statement[] {
    return [...this.#byScope.values()].map(({ actions, rest }) => ({ ...rest, Action: [...actions] }));
  }

  /** In one pass, by a function: what is filled in is never looked at again, and `$&` in it means nothing. */
  #filled(text: string, granted: readonly string[]): string[] {
    const task = text.replaceAll(TASK, () => this.#task);
    return task.includes(RESOURCE)
      ? granted.map((resource) => task.replaceAll(RESOURCE, () => resource))
      : [task];
  }
}

/**
 * Deny, because a resource's own policy that names the session grants beyond what a session policy merely does not
 * allow. 1. From the expiry on, everything: STS gives no session less than 900 seconds. 2. Whatever was not granted:
 * `sts:*`, `iam:PassRole` and whatever else hands out credentials, of services that are not there yet as well.
 */
function denials(actions: readonly string[], { expiresAt }: Pick<SessionBounds, 'expiresAt'>): Statement[] {
  return [
    {
      Effect: 'Deny',
      Action: '*',
      Resource: '*',
      // AWS compares whole seconds: with `DateGreaterThan` it would live one longer.
      Condition: { DateGreaterThanEquals: { 'aws:CurrentTime': instant(expiresAt) } },
    },
    { Effect: 'Deny', NotAction: actions, Resource: '*' },
  ];
}

const written = (statements: readonly Statement[]): string =>
  JSON.stringify({ Version: '2012-10-17', Statement: statements });

/** As AWS writes times: whole seconds of UTC. */
export const instant = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
