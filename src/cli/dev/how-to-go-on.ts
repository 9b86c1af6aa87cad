// What `mayfly dev` says once it runs: commands to copy, for the broker as it was started.
import type { Tool } from '../../domain/tool.js';
import { DEFAULT_URL } from '../broker-command.js';

export interface Started {
  readonly url: string;
  readonly data: string;
  readonly tools: readonly Pick<Tool, 'name' | 'actions'>[];
  /** How mayfly was called. */
  readonly called: string;
}

export function howToGoOn({ url, data, tools, called }: Started): string {
  const folder = data === './data' ? '' : ` --data ${quoted(data)}`;
  const as = (name: string): string => `MAYFLY_TOKEN=$(${called} dev token --as ${name}${folder}) ${called}`;
  const tool = tools.find(({ name }) => name === 'crm') ?? tools[0];
  return [
    `mayfly dev listens at ${url}, for this machine only.`,
    `Whoever can read ${data}/dev-key.json can be anybody here: never use it for more than development.`,
    '',
    'Go on in another terminal:',
    ...(url === DEFAULT_URL ? [] : [`  export MAYFLY_URL=${url}`]),
    `  ${as('planner')} task open --id run-1 --purpose 'a first try' --agent 'dev/agent-*' --tool ${tool?.name}:${tool?.actions[0]} --ttl 15m`,
    `  ${as('agent-1')} token --task run-1 --tool ${tool?.name} --raw`,
    `  ${as('planner')} task complete run-1`,
    `  ${as('operator')} audit --task run-1`,
  ].join('\n');
}

const quoted = (text: string): string =>
  /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
