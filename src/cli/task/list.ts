// `mayfly task list`: the tasks of an orchestrator, or all of them for operators and auditors.
import { type Command, Option } from 'commander';
import type { TaskList } from '../../wire/tasks.js';
import { pageSize } from '../arguments.js';
import { type BrokerOptions, brokerCommand, connect, showList } from '../broker-command.js';
import type { Shell } from '../shell.js';
import { tasksText } from './view.js';

interface ListOptions extends BrokerOptions {
  readonly state?: string;
  readonly tree?: string;
  readonly after?: string;
  readonly limit?: number;
}

export function addTaskList(task: Command, shell: Shell): void {
  brokerCommand(task, 'list', 'tasks, newest first: your own, or all for operators and auditors')
    .addOption(new Option('--state <state>', 'only these').choices(['open', 'closed', 'settled']))
    .option('--tree <id>', 'only this task and all below it')
    .option('--after <id>', 'the page that follows this task')
    .option('--limit <count>', 'at most so many: 1 to 200', pageSize)
    .action(async (options: ListOptions) => {
      const { state, tree, after, limit } = options;
      const answer = await connect(options, shell).get<TaskList>('/v1/tasks', { state, tree, after, limit });
      showList(shell, options, answer, {
        items: ({ tasks }) => tasks,
        none: 'there are no such tasks',
        render: tasksText,
      });
    });
}
