// `mayfly task`: opens tasks and ends them.
import type { Command } from 'commander';
import type { Shell } from './shell.js';
import { addTaskComplete } from './task/complete.js';
import { addTaskCredentials } from './task/credentials.js';
import { addTaskExtend } from './task/extend.js';
import { addTaskList } from './task/list.js';
import { addTaskOpen } from './task/open.js';
import { addTaskReceipt } from './task/receipt.js';
import { addTaskShow } from './task/show.js';
import { addTaskSignal } from './task/signal.js';

export function addTask(program: Command, shell: Shell): void {
  const task = program.command('task').description('tasks: the units of authority, for their orchestrators');
  addTaskOpen(task, shell);
  addTaskList(task, shell);
  addTaskShow(task, shell);
  addTaskComplete(task, shell);
  addTaskExtend(task, shell);
  addTaskSignal(task, shell);
  addTaskReceipt(task, shell);
  addTaskCredentials(task, shell);
}
