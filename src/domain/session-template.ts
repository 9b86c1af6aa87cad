// What a tool's actions mean in AWS: which of its actions, on which resources; and what may not be written there.
import { TOKEN_VENDING } from './token-vending.js';

/** Stands for each resource of the grant, or for `*` where the grant has no bound on resources. */
export const RESOURCE = '{{resource}}';
/** Stands for the id of the root task. */
export const TASK = '{{task}}';

/** One Allow of a session policy, before the grant is filled in. */
export interface StatementTemplate {
  /** `s3:GetObject`; a star only at the end. */
  readonly actions: readonly string[];
  /** ARNs; placeholders only in their last part, which names the resource. */
  readonly resources: readonly string[];
  /** Condition keys whose value must be like one of these, as `s3:prefix` for a listing. */
  readonly like?: Readonly<Record<string, readonly string[]>>;
}

export interface SessionTemplate {
  /** For each action of the tool, what it allows. */
  readonly actions: Readonly<Record<string, readonly StatementTemplate[]>>;
  /** Lets it name actions that hand out other credentials, which no kill of ours reaches. */
  readonly dangerouslyAllowTokenVending?: true;
}

export type TemplatePath = readonly (string | number)[];
type Report = (at: TemplatePath, message: string) => void;

export interface TemplateMistake {
  /** Where: `['actions', 'read', 0, 'resources', 1]`. */
  readonly at: TemplatePath;
  readonly message: string;
}

const ACTION = /^[a-z0-9-]+:(?:[A-Za-z0-9]+\*?|\*)$/;
const CONDITION_KEY = /^[A-Za-z0-9-]+:[A-Za-z0-9_/.-]+$/;
/** Partition, service, region and account are the operator's alone; `$` would begin a variable of AWS. */
const ARN = /^arn:[a-z0-9-]+:[a-z0-9-]+:[a-z0-9-]*:[0-9]*:[^\s"'\\$]+$/;
const VALUE = /^[^\s"'\\$]+$/;
const PLACEHOLDERS = /\{\{(?:resource|task)\}\}/g;

/** Whether a resource that is granted narrows what this allows: values of a key, as ARNs, are alternatives. */
export const isBounded = ({ resources, like = {} }: StatementTemplate): boolean =>
  allNamed(resources) || Object.values(like).some(allNamed);

const allNamed = (texts: readonly string[]): boolean => texts.every((text) => text.includes(RESOURCE));

/** What is wrong with it, all at once; nothing where nothing is. Whether it fits is asked of `leastLength`. */
export function templateMistakes(
  template: SessionTemplate,
  toolActions: readonly string[],
): TemplateMistake[] {
  const mistakes: TemplateMistake[] = [];
  const wrong = (at: TemplatePath, message: string): void => void mistakes.push({ at, message });
  for (const action of toolActions)
    if (!Object.hasOwn(template.actions, action))
      wrong(['actions'], `says nothing of ${action}, an action of the tool`);

  for (const [action, statements] of Object.entries(template.actions)) {
    if (!toolActions.includes(action)) wrong(['actions', action], 'is no action of the tool');
    if (statements.length === 0) wrong(['actions', action], 'allows nothing');
    for (const [index, statement] of statements.entries()) {
      const at = ['actions', action, index];
      if (statement.actions.length === 0) wrong([...at, 'actions'], 'is empty');
      if (statement.resources.length === 0) wrong([...at, 'resources'], 'is empty');
      for (const [place, name] of statement.actions.entries())
        reportAction(name, [...at, 'actions', place], template, wrong);
      for (const [place, arn] of statement.resources.entries())
        reportText(arn, ARN, 'an ARN', [...at, 'resources', place], wrong);
      for (const [key, values] of Object.entries(statement.like ?? {})) {
        const like = [...at, 'like', key];
        if (!CONDITION_KEY.test(key)) wrong(like, 'is no condition key, as s3:prefix is');
        if (values.length === 0) wrong(like, 'is empty');
        for (const [place, value] of values.entries())
          reportText(value, VALUE, 'a value', [...like, place], wrong);
      }
    }
  }
  return mistakes;
}

function reportAction(name: string, at: TemplatePath, template: SessionTemplate, wrong: Report): void {
  if (!ACTION.test(name)) {
    wrong(at, `${name} is no action of AWS, as s3:GetObject or s3:Get* is`);
    return;
  }
  if (template.dangerouslyAllowTokenVending) return;
  const vending = TOKEN_VENDING.find((other) => overlap(name, other));
  if (vending !== undefined) {
    const how = 'name others, or set dangerously_allow_token_vending';
    wrong(at, `${name} takes in ${vending}, which hands out what outlives a kill: ${how}`);
  }
}

function reportText(text: string, form: RegExp, what: string, at: TemplatePath, wrong: Report): void {
  const plain = text.replaceAll(PLACEHOLDERS, 'x');
  if (/[{}]/.test(plain)) wrong(at, `knows no placeholders but ${RESOURCE} and ${TASK}`);
  // Checked with placeholders in it as well: none of them is in a part where only letters may be.
  else if (!form.test(plain) || (form === ARN && text.split(':').slice(0, 5).join('').includes('{')))
    wrong(at, `is not ${what}, with placeholders in its last part at most: ${text}`);
}

/** Whether some action is named by both; each is a name, or the beginning of one before a star. AWS ignores case. */
function overlap(one: string, other: string): boolean {
  const [a, b] = [one.toLowerCase(), other.toLowerCase()];
  if (a.endsWith('*') && b.endsWith('*')) {
    const [x, y] = [a.slice(0, -1), b.slice(0, -1)];
    return x.startsWith(y) || y.startsWith(x);
  }
  if (a.endsWith('*')) return b.startsWith(a.slice(0, -1));
  return b.endsWith('*') ? a.startsWith(b.slice(0, -1)) : a === b;
}
