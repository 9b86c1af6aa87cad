// The contract of the routes of tasks, and of what is had in one.
import { taskId } from '../../wire/common.js';
import { completeTaskQuery, listTasksQuery } from '../../wire/tasks.js';
import type { RouteName } from '../access.js';
import * as example from './examples.js';
import type { DocumentedRoute } from './route.js';

const task = { id: { description: 'The task.', schema: taskId } };

export const TASK_ROUTES = {
  openTask: {
    tag: 'Tasks',
    summary: 'Open a task',
    description:
      'The same body again answers 200 with the task that exists; another body for the same id, 409. The id of a closed task stays taken.',
    body: { schema: 'NewTask', example: example.newTask },
    answers: {
      200: {
        description: 'It was opened before.',
        schema: 'Task',
        example: example.openTask,
        headers: ['Location'],
      },
      201: { description: 'It is open.', schema: 'Task', example: example.openTask, headers: ['Location'] },
    },
    refusals: [
      'task_id_not_allowed',
      'policy_denied',
      'approval_required',
      'exceeds_parent',
      'parent_unknown',
      'task_conflict',
      'task_closed',
      'task_ttl_exceeded',
      'too_many_tasks',
      'too_many_children',
    ],
  },
  listTasks: {
    tag: 'Tasks',
    summary: 'List tasks, newest first',
    description: 'An orchestrator finds its own.',
    query: listTasksQuery,
    answers: { 200: { description: 'A page.', schema: 'TaskList', example: { tasks: [example.openTask] } } },
  },
  readTask: {
    tag: 'Tasks',
    summary: 'Read a task',
    path: task,
    answers: { 200: { description: 'The task.', schema: 'Task', example: example.openTask } },
    refusals: ['task_unknown'],
  },
  readReceipt: {
    tag: 'Tasks',
    summary: 'Read how a task ended, signed',
    description:
      'Of a settled task: every credential of it, when its end was ordered and when that was confirmed, or that it was not. A JWT with the claims of `Receipt`, by a key of `/jwks/receipts`. Tasks below it have receipts of their own.',
    path: task,
    answers: {
      200: {
        description: 'The receipt.',
        schema: 'ReceiptToken',
        type: 'application/mayfly-receipt+jwt',
      },
    },
    refusals: ['task_unknown', 'task_not_settled'],
  },
  completeTask: {
    tag: 'Tasks',
    summary: 'Close a task, and kill every credential of it',
    description:
      'Closes every task below it too. When this answers, every credential of theirs is dead. Of a task that is closed already, the first closing stands and is given again. The body may be left out. No limit holds it back.',
    path: task,
    query: completeTaskQuery,
    body: {
      schema: 'TaskCompletion',
      example: { outcome: 'completed', reason: 'report sent' },
      optional: true,
    },
    answers: { 200: { description: 'It is closed.', schema: 'Task', example: example.completedTask } },
    refusals: ['task_unknown'],
  },
  extendTask: {
    tag: 'Tasks',
    summary: 'Give a task a later deadline',
    description: 'Either `ttl` or `deadline`. Credentials that are out keep their ends.',
    path: task,
    body: { schema: 'TaskExtension', example: { ttl: '30m' } },
    answers: {
      200: { description: 'With its new deadline.', schema: 'Task', example: example.extendedTask },
    },
    refusals: [
      'policy_denied',
      'approval_required',
      'task_unknown',
      'task_closed',
      'task_ttl_exceeded',
      'deadline_not_later',
    ],
  },
  signalTask: {
    tag: 'Tasks',
    summary: 'Report what happened in a task',
    description:
      'By its orchestrator, or by a verifier that has to do with one of its tools. It belongs to the whole tree, stays, and only narrows. When this answers, nothing is issued that was decided without it, and every live credential that policy would now deny is dead. No limit holds it back.',
    path: task,
    body: { schema: 'NewSignal', example: { type: 'untrusted_content', reason: 'read a web page' } },
    answers: {
      200: { description: 'It is on record, and in force.', schema: 'Signal', example: example.signal },
    },
    refusals: ['task_unknown', 'task_closed', 'too_many_signals'],
  },
  issueCredentials: {
    tag: 'Credentials',
    summary: 'Exchange a workload token for several credentials of a task',
    description:
      'Each is asked for as at the token endpoint, decided by itself, one after the other, and answered by itself: 200 says nothing of whether any was issued. Each counts as a request of its own.',
    path: task,
    takesProof: true,
    body: {
      schema: 'CredentialsAsked',
      example: { credentials: [{ audience: 'crm', scope: 'read' }, { audience: 'search' }] },
    },
    answers: {
      200: {
        description: 'What came of each.',
        schema: 'Credentials',
        example: {
          credentials: [
            example.credential,
            { error: 'invalid_target', error_description: 'Policy does not permit this.', status: 400 },
          ],
        },
      },
    },
    refusals: ['task_unknown'],
  },
} as const satisfies Partial<Record<RouteName, DocumentedRoute>>;
