// A request that is decided on, for people: in a line, and all that policies can look at in a few.
import { showDuration } from '../../domain/duration.js';
import type { RecordedRequest } from '../../policy/cedar/request.js';
import { clip } from '../plain.js';
import { facts } from '../table.js';

const LONGEST = 120;

/** `exchange of crm (read) by cluster/agent-1 in run-1` */
export const requestTitle = ({ action, tools, principal, tasks }: RecordedRequest): string =>
  `${action} of ${toolsText(tools)} by ${principal.id} in ${tasks[0]?.id}`;

export const toolsText = (tools: RecordedRequest['tools']): string =>
  tools.map(({ name, actions }) => `${name} (${actions.join(' ')})`).join(', ');

export function requestFacts({
  principal,
  tools,
  ttl,
  tasks,
  held,
  signals,
  refusals,
  address,
  now,
}: RecordedRequest): string {
  const pairs: [string, string | undefined][] = [
    ['principal', `${principal.id}${claimsText(principal.tags)}`],
    ...tools.map((tool): [string, string] => ['tool', toolText(tool)]),
    ...tasks.map((task, index): [string, string] => [index === 0 ? 'task' : 'above', taskText(task)]),
    ['ttl', showDuration(ttl * 1000)],
    ['held', listed(held?.tools)],
    ['signals', listed(signals)],
    ['refusals', refusals === undefined ? undefined : String(refusals)],
    ['address', address],
    ['time', new Date(now).toISOString()],
  ];
  return facts(
    pairs.map(([name, value]) => [`  ${name}`, value === undefined ? undefined : clip(value, LONGEST)]),
  );
}

const claimsText = (tags: RecordedRequest['principal']['tags']): string =>
  Object.entries(tags)
    .map(([name, values]) => `, ${name} ${values.join(' ')}`)
    .join('');

const toolText = ({
  name,
  plane,
  sensitivity,
  actions,
  resources,
}: RecordedRequest['tools'][number]): string =>
  `${name}, plane ${plane}, ${sensitivity}, ${actions.join(' ')} on ${resources.join(' ')}`;

const taskText = ({ id, age, orchestrator, labels = [] }: RecordedRequest['tasks'][number]): string =>
  [
    id,
    `of ${orchestrator}`,
    age === 0 ? 'just opened' : `open for ${showDuration(age * 1000)}`,
    ...labels,
  ].join(', ');

const listed = (values: readonly string[] = []): string | undefined =>
  values.length === 0 ? undefined : values.join(' ');
