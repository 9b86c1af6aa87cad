// `mayfly task open`: opens a task, from options or from a file.
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import type { OpenTaskRequest } from '../../wire/tasks.js';
import { collect, collectPairs, duration, instanceBinding } from '../arguments.js';
import { type BrokerOptions, brokerCommand, connect, show } from '../broker-command.js';
import { usage } from '../failure.js';
import type { Shell } from '../shell.js';
import { type WrittenTool, collectTools } from './manifest-tool.js';
import { taskText } from './view.js';

export interface TaskOptions {
  readonly id?: string;
  readonly parent?: string;
  readonly purpose?: string;
  readonly agent?: readonly string[];
  readonly tool?: readonly WrittenTool[];
  readonly instance?: OpenTaskRequest['instance'];
  readonly ttl?: string;
  readonly label?: readonly [string, string][];
  readonly file?: string;
}

export function addTaskOpen(task: Command, shell: Shell): void {
  brokerCommand(task, 'open', 'open a task (orchestrator); the same again gives the task that exists')
    .option('--id <id>', 'its name; without one the broker makes one')
    .option('--parent <id>', 'the task that it is part of and ends with')
    .option('--purpose <text>', 'what it is for; recorded, never decisive')
    .option('--agent <name>', 'who may act in it, by name or glob; may be repeated', collect)
    .option(
      '--tool <tool:actions@resources>',
      'what it may use: crm:read,write or crm:read@customers/*; may be repeated',
      collectTools,
    )
    .option(
      '--instance <kind[:id]>',
      'only one instance of each agent: pod, run or key; without an id, the first that gets a credential',
      instanceBinding,
    )
    .option('--ttl <duration>', 'how long it may last: 15m', duration)
    .option('--label <name=value>', 'may be repeated', collectPairs)
    .option('--file <file>', 'all of it as JSON instead; - for standard input')
    .action(async (options: TaskOptions & BrokerOptions) => {
      const body = await taskBody(options, shell);
      const connection = connect(options, shell);
      const opened = await connection.client.openTask(body);
      show(shell, options, opened, (found) => taskText(found, connection.now()));
    });
}

const OPTIONS = ['id', 'parent', 'purpose', 'agent', 'tool', 'instance', 'ttl', 'label'] as const;
const NEEDED = ['purpose', 'agent', 'tool', 'ttl'] as const;

async function taskBody(options: TaskOptions, shell: Pick<Shell, 'input'>): Promise<OpenTaskRequest> {
  const { file } = options;
  if (file === undefined) return bodyOf(options);
  const also = OPTIONS.find((name) => options[name] !== undefined);
  if (also !== undefined) throw usage(`--file holds all of the task: take out --${also}`);
  // Whether it says what a task must say, the broker tells, each flaw by its place.
  return readBody(file === '-' ? await shell.input() : readTaskFile(file), file) as OpenTaskRequest;
}

export function bodyOf(options: TaskOptions): OpenTaskRequest {
  const { id, parent, purpose, agent, tool, instance, ttl, label } = options;
  if (purpose === undefined || agent === undefined || tool === undefined || ttl === undefined) {
    const missing = NEEDED.filter((name) => options[name] === undefined);
    throw usage(`a task needs ${missing.map((name) => `--${name}`).join(', ')}, or all of it from --file`);
  }
  return {
    ...(id !== undefined && { id }),
    ...(parent !== undefined && { parent }),
    purpose,
    agents: [...agent],
    tools: [...tool],
    ...(instance && { instance }),
    ttl,
    ...(label && { labels: Object.fromEntries(label) }),
  };
}

function readTaskFile(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw usage(`${file} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}

function readBody(text: string, file: string): object {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (error) {
    throw usage(`${file} is not JSON: ${(error as Error).message}`);
  }
  if (body === null || typeof body !== 'object' || Array.isArray(body)) {
    throw usage(`${file} must hold one JSON object`);
  }
  return body;
}
