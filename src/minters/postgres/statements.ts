// From a grant to the statements that give it, as far as the templates can say what it bounds.
import type { Grant } from '../../domain/grant.js';
import { Refusal } from '../../domain/refusal.js';
import type { StatementTemplate } from '../../domain/statement-template.js';
import { readTemplate, resourceFlaw, statementFrom } from '../../domain/statement-template.js';

/**
 * One statement for each template that names no resource, and one for each resource for the others.
 * A grant that is bounded to resources is given only by templates that bound it, and never by more (invariant 4).
 */
export function statementsOf(
  grant: Pick<Grant, 'actions' | 'details' | 'tool'>,
  role: string,
): readonly string[] | Refusal {
  const { credential, name } = grant.tool;
  if (credential.kind !== 'postgres') throw new Error(`${name} is no tool of kind postgres`);
  const statements = new Set<string>();
  for (const action of grant.actions) {
    const templates = (credential.grants[action] ?? []).map(templateOf);
    // Checked when the configuration was read; a role that may do nothing would be a riddle to its agent.
    if (templates.length === 0) throw new Error(`${name} has no statements for ${action}`);
    const given = statementsFor(templates, resourcesOf(grant, action), role);
    if (typeof given === 'string')
      return new Refusal('resource_not_granted', `${action} of ${name}: ${given}`);
    for (const statement of given) statements.add(statement);
  }
  return [...statements];
}

/** `resources` absent: no bound. The answer is a text where it says what keeps them from being granted. */
function statementsFor(
  templates: readonly StatementTemplate[],
  resources: readonly string[] | undefined,
  role: string,
): readonly string[] | string {
  const bounds = templates.some(({ namesResource }) => namesResource);
  if (!bounds && resources)
    return 'its statements cannot keep to resources, and the grant is bounded to some';
  if (bounds && !resources) return 'its statements name a resource, and the grant is bounded to none';
  const statements: string[] = [];
  for (const template of templates) {
    if (!template.namesResource) {
      statements.push(statementFrom(template, role));
      continue;
    }
    for (const resource of resources ?? []) {
      const flaw = resourceFlaw(template, resource);
      if (flaw !== undefined) return `the resource ${JSON.stringify(resource)} ${flaw}`;
      statements.push(statementFrom(template, role, resource));
    }
  }
  return statements;
}

/** Those that the details name for the action; undefined where they are all there are. */
function resourcesOf({ details }: Pick<Grant, 'details'>, action: string): readonly string[] | undefined {
  if (!details) return undefined;
  const named = details
    .filter(({ actions }) => actions.includes(action))
    .flatMap(({ resources }) => resources);
  return named.includes('*') ? undefined : [...new Set(named)];
}

/** @throws Error where it is none, which the configuration does not let through */
function templateOf(text: string): StatementTemplate {
  const read = readTemplate(text);
  if ('flaw' in read) throw new Error(`a statement ${read.flaw}`);
  return read;
}
