// What `mayfly dev` says once it runs: commands to copy, for the broker as it was started.
import { SENSITIVITIES, type Tool } from '../../domain/tool.js';
import { DEFAULT_URL } from '../broker-command.js';

export interface Started {
  readonly url: string;
  readonly data: string;
  readonly tools: readonly Pick<Tool, 'name' | 'actions' | 'sensitivity'>[];
  readonly config: string;
  /** Absent where none are configured. `path`: those in the place of what the configuration names. */
  readonly policies?: { readonly count: number; readonly path?: string };
  /** Of the broker itself. */
  readonly pid: number;
  /** How mayfly was called. */
  readonly called: string;
}

export function howToGoOn(started: Started): string {
  const { url, data, tools, policies, called } = started;
  const folder = data === './data' ? '' : ` --data ${quoted(data)}`;
  const as = (name: string): string => `MAYFLY_TOKEN=$(${called} dev token --as ${name}${folder}) ${called}`;
  // What policies are least likely to deny.
  const [harmless] = tools.toSorted(
    (a, b) => SENSITIVITIES.indexOf(a.sensitivity) - SENSITIVITIES.indexOf(b.sensitivity),
  );
  const tool = policies === undefined ? (tools.find(({ name }) => name === 'crm') ?? tools[0]) : harmless;
  return [
    `mayfly dev listens at ${url}, for this machine only.`,
    `Whoever can read ${data}/dev-key.json can be anybody here: never use it for more than development.`,
    ...policyLines(started),
    '',
    'Go on in another terminal:',
    ...(url === DEFAULT_URL ? [] : [`  export MAYFLY_URL=${url}`]),
    `  ${as('planner')} task open --id run-1 --purpose 'a first try' --agent 'dev/agent-*' --tool ${tool?.name}:${tool?.actions[0]} --ttl 15m`,
    `  ${as('agent-1')} token --task run-1 --tool ${tool?.name} --raw`,
    `  ${as('planner')} task complete run-1`,
    `  ${as('operator')} audit --task run-1`,
  ].join('\n');
}

function policyLines({ policies, config, called, pid }: Started): string[] {
  if (!policies)
    return ['No policies: whatever a task names is permitted in it. Give yours with --policies.'];
  const { count, path } = policies;
  const given = path === undefined ? '' : ` --policies ${quoted(path)}`;
  return [
    `${count} ${count === 1 ? 'policy decides' : 'policies decide'} each request. After a change of them:`,
    `  ${called} policy check --config ${quoted(config)}${given} && kill -HUP ${pid}`,
  ];
}

const quoted = (text: string): string =>
  /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
