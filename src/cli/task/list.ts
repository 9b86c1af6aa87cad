// `mayfly task list`: the tasks of an orchestrator, or all of them for operators and auditors.
import { type Command, Option } from 'commander';
import type { TaskState } from '../../domain/task.js';
import { given, pageSize } from '../arguments.js';
import { type ListOptions, brokerCommand, connect, showList } from '../broker-command.js';
import type { Shell } from '../shell.js';
import { tasksText } from './view.js';

interface TaskListOptions extends ListOptions {
  readonly state?: TaskState;
  readonly tree?: string;
  readonly after?: string;
}

export function addTaskList(task: Command, shell: Shell): void {
  brokerCommand(task, 'list', 'tasks, newest first: your own, or all for operators and auditors')
    .addOption(new Option('--state <state>', 'only these').choices(['open', 'closed', 'settled']))
    .option('--tree <id>', 'only this task and all below it')
    .option('--after <id>', 'the page that follows this task')
    .option('--limit <count>', 'at most so many: 1 to 200', pageSize)
    .option('--all', 'every page; with --json one task a line')
    .action(async (options: TaskListOptions) => {
      const { state, tree, after, limit } = options;
      const connection = connect(options, shell);
      const filter = given({ state, tree, after, limit });
      await showList(shell, options, {
        page: () => connection.client.listTasks(filter),
        each: () => connection.client.eachTask({ limit: 200, ...filter }),
        items: ({ tasks }) => tasks,
        none: 'there are no such tasks',
        render: (tasks) => tasksText(tasks, connection.now()),
      });
    });
}
