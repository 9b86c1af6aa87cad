// The contract of every route that authenticates its caller. What has no entry here does not compile.
import { z } from 'zod';
import { auditQuery } from '../../wire/audit.js';
import { taskId } from '../../wire/common.js';
import { leaseId, listLeasesQuery } from '../../wire/leases.js';
import { recoverQuery } from '../../wire/recovery.js';
import { revokeQuery } from '../../wire/revocations.js';
import { completeTaskQuery, listTasksQuery } from '../../wire/tasks.js';
import type { RouteName } from '../access.js';
import * as example from './examples.js';
import { FEED_ROUTES } from './feed-routes.js';
import type { DocumentedRoute } from './route.js';

const task = { id: { description: 'The task.', schema: taskId } };
const lease = { id: { description: 'The lease.', schema: leaseId } };

/** A task that is not there and one that is not the caller's look alike. */
const ISSUANCE = [
  'task_unknown',
  'target_unknown',
  'policy_denied',
  'approval_required',
  'task_closed',
  'action_not_granted',
  'too_many_leases',
] as const;

export const ROUTES: Readonly<Record<RouteName, DocumentedRoute>> = {
  introspect: {
    tag: 'Verification',
    summary: 'Ask whether a credential is alive',
    description:
      'RFC 7662. A verifier is told about credentials of its own tools; of all others, and of what is unknown, expired or revoked, it hears `{"active": false}`.',
    body: { schema: 'IntrospectionRequest', example: { token: 'eyJhbGciOiJFUzI1NiJ9…' } },
    answers: {
      200: { description: 'Alive or not.', schema: 'Introspection', example: example.liveIntrospection },
    },
  },
  revokeToken: {
    tag: 'Credentials',
    summary: 'Give back a credential by showing it',
    description: "RFC 7009. What is unknown, or not the caller's, is left alone, and answered alike.",
    body: { schema: 'RevocationRequest', example: { token: 'eyJhbGciOiJFUzI1NiJ9…' } },
    answers: { 200: { description: 'It is dead, if it was one of the caller.' } },
  },

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

  listTools: {
    tag: 'Credentials',
    summary: 'List the catalogue of tools',
    answers: { 200: { description: 'All of it.', schema: 'ToolList', example: { tools: [example.tool] } } },
  },

  listLeases: {
    tag: 'Credentials',
    summary: 'List leases, newest first',
    description: 'The records of credentials, never the credentials. An agent gets its own.',
    query: listLeasesQuery,
    answers: {
      200: { description: 'A page.', schema: 'LeaseList', example: { leases: [example.liveLease] } },
    },
  },
  readLease: {
    tag: 'Credentials',
    summary: 'Read a lease',
    path: lease,
    answers: { 200: { description: 'The lease.', schema: 'Lease', example: example.liveLease } },
    refusals: ['lease_unknown'],
  },
  releaseLease: {
    tag: 'Credentials',
    summary: 'Give back a credential by its lease',
    description:
      'An agent ends its own, an operator any. Of a lease that ended before, its end is given again. No limit holds it back.',
    path: lease,
    answers: { 200: { description: 'It is dead.', schema: 'Lease', example: example.releasedLease } },
    refusals: ['lease_unknown'],
  },
  renewLease: {
    tag: 'Credentials',
    summary: 'Renew a credential under its lease',
    description:
      'For tools that are `renewable`. Decided as freshly as the first time; never more actions or resources. The body may be left out.',
    path: lease,
    takesProof: true,
    body: { schema: 'Renewal', example: { requested_expiry: 200 }, optional: true },
    answers: {
      200: {
        description: 'A new credential.',
        schema: 'TokenResponse',
        example: example.credential,
      },
    },
    refusals: ['lease_unknown', 'not_renewable', 'lease_ended', ...ISSUANCE],
  },

  revoke: {
    tag: 'Operating',
    summary: 'Kill what a selector names',
    description:
      'Exactly one of `lease`, `task`, `agent`, `tool`, `trust`, `key` with a name, or `all`. Dead when this answers. No limit holds it back.',
    query: revokeQuery,
    body: { schema: 'NewRevocation', example: example.newRevocation },
    answers: {
      200: {
        description: 'A preview: nothing was killed.',
        schema: 'Revocation',
        example: example.killPreview,
      },
      202: { description: 'What it named is dead.', schema: 'Revocation', example: example.kill },
    },
  },
  recover: {
    tag: 'Operating',
    summary: 'End everything that a restored backup may have revived',
    description:
      'Kills all that was issued up to now, and closes every task that was opened up to now. Everything is dead with the first answer; while `done` is false, ask again with its `cutoff`.',
    query: recoverQuery,
    body: { schema: 'NewRecovery', example: example.newRecovery },
    answers: {
      200: {
        description: 'Done; or a preview.',
        schema: 'RecoveryAnswer',
        example: { ...example.recovery, done: true },
      },
      202: { description: 'Tasks are left to be closed.', schema: 'Recovery', example: example.recovery },
    },
  },
  ...FEED_ROUTES,
  listQuarantines: {
    tag: 'Operating',
    summary: 'List the agents that get nothing',
    answers: {
      200: {
        description: 'All of them.',
        schema: 'QuarantineList',
        example: { quarantines: [example.quarantine] },
      },
    },
  },
  liftQuarantine: {
    tag: 'Operating',
    summary: 'Lift a quarantine',
    path: {
      agent: {
        description: 'The agent, as it is: its slash may stand in the path.',
        schema: z.string().meta({ examples: [example.AGENT] }),
      },
    },
    answers: {
      200: {
        description: 'The quarantine that was lifted.',
        schema: 'Quarantine',
        example: example.quarantine,
      },
    },
    refusals: ['quarantine_unknown'],
  },

  reportToolCalls: {
    tag: 'Verification',
    summary: 'Put on record which calls were accepted, and which were refused',
    description:
      'By a verifier, for its own tools: where one of the calls is of another, all are refused. One event of the audit log for each. The same `batch` again within an hour is recorded once; one that failed may be on record in part, and is completed by sending it again as it was.',
    body: { schema: 'NewToolCalls', example: example.newToolCalls },
    answers: {
      202: { description: 'All are on record.', schema: 'ToolCalls', example: { recorded: 2 } },
    },
    refusals: ['target_unknown'],
  },
  readAudit: {
    tag: 'Operating',
    summary: 'Search the audit log, newest first',
    query: auditQuery,
    answers: {
      200: { description: 'A page.', schema: 'AuditList', example: { events: [example.refusedEvent] } },
    },
  },
  readMetrics: {
    tag: 'Operating',
    summary: 'What is counted, for Prometheus',
    description: 'Where metrics have a listener of their own, it stands there without a token.',
    answers: {
      200: {
        description: 'Every metric.',
        schema: 'Metrics',
        type: 'text/plain; version=0.0.4; charset=utf-8',
      },
    },
  },
};
