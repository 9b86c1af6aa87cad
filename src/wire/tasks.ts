// Tasks on the wire.
import { z } from 'zod';
import { LEASE_STATES } from '../domain/lease.js';
import { INSTANCE_KINDS } from '../domain/principal.js';
import { NAMED_OUTCOMES, OUTCOMES } from '../domain/task.js';
import { duration, pageSize, taskId, timestamp } from './common.js';

const text = (most: number) => z.string().min(1).max(most);
/** Printable ASCII without spaces: globs of names end up in records and terminals. */
const glob = z
  .string()
  .regex(/^[\x21-\x7e]{1,512}$/, 'must be 1 to 512 printable ASCII characters without spaces');

const manifestTool = z.strictObject({
  tool: text(64),
  actions: z.array(text(128)).min(1).max(64),
  resources: z.array(glob).min(1).max(64).optional().describe('Names or globs. Absent: no bound.'),
});

/** Which of the many that bear an agent's name: a pod, a run of a workflow, the key of a proof. */
const instance = z.strictObject({
  kind: z.enum(INSTANCE_KINDS),
  id: z
    .string()
    .regex(/^[\x21-\x7e]{1,256}$/, 'must be 1 to 256 printable ASCII characters without spaces')
    .optional(),
});

export const openTaskBody = z.strictObject({
  id: taskId
    .optional()
    .describe("Without it the broker makes one. A child's is its parent's, a dot and a name."),
  parent: taskId.optional().describe('The task that it is a part of: ends with it, and never holds more.'),
  purpose: text(2000).describe('For people: recorded and shown, never decisive.'),
  agents: z.array(glob).min(1).max(64).describe('Names or globs of the principals that it is for.'),
  tools: z
    .array(manifestTool)
    .min(1)
    .max(64)
    .refine(
      (tools) => new Set(tools.map(({ tool }) => tool)).size === tools.length,
      'must name each tool once',
    )
    .describe('The most that it may ever hold.'),
  instance: instance
    .optional()
    .describe('Only this instance of an agent; without an id, the first that gets a credential.'),
  ttl: duration.describe('How long it may stay open: seconds, or a duration as `15m`.'),
  labels: z
    .record(z.string().regex(/^[a-z0-9_.-]{1,64}$/), z.string().max(256))
    .refine((labels) => Object.keys(labels).length <= 32, 'must be at most 32 labels')
    .optional(),
});
export type OpenTaskBody = z.infer<typeof openTaskBody>;
/** As it is sent. */
export type OpenTaskRequest = z.input<typeof openTaskBody>;

export const completeTaskBody = z.strictObject({
  outcome: z.enum(NAMED_OUTCOMES).default('completed'),
  reason: text(500).optional(),
});

export type CompleteTaskRequest = z.input<typeof completeTaskBody>;

/** Either a new deadline or how much longer from now. */
export const extendTaskBody = z
  .strictObject({
    ttl: duration.optional().describe('From now: seconds, or a duration as `30m`.'),
    deadline: z.iso
      .datetime({ offset: true })
      .transform((when) => Date.parse(when))
      .optional(),
  })
  .refine(
    ({ ttl, deadline }) => (ttl === undefined) !== (deadline === undefined),
    'must have ttl or deadline',
  )
  .transform(({ ttl, deadline }) => (ttl === undefined ? { deadline: deadline! } : { ttlMs: ttl }));

export type ExtendTaskRequest = z.input<typeof extendTaskBody>;

export const completeTaskQuery = z.strictObject({
  wait: duration.optional().describe('Answer when the task is `settled`, or after so long; 20 s at most.'),
});

/** What somebody saw happen in a task. The first three are those that the shipped policies know. */
export const signalBody = z.strictObject({
  type: z
    .string()
    .regex(/^[a-z][a-z0-9_]{0,63}$/, 'must be 1 to 64 small letters, digits and _, and begin with a letter')
    .describe('`untrusted_content`, `sensitive_data_read`, `anomaly`, or a type of your own.'),
  reason: text(500).optional().describe('For the record.'),
});

export type SignalRequest = z.input<typeof signalBody>;

export const signalView = z
  .object({
    task_id: z.string().describe('The root task: a signal is of the whole tree.'),
    type: z.string(),
    added: z.boolean().describe('False: it had been reported before.'),
    signals: z.array(z.string()).readonly().describe('All types that were reported of the tree.'),
    ended_leases: z.int().describe('How many live leases ended, because policy would now deny them.'),
  })
  .describe('A signal, once nothing is left that it forbids.');
export type SignalView = z.infer<typeof signalView>;

const taskState = z.enum(['open', 'closed', 'settled']);

export const listTasksQuery = z.strictObject({
  state: taskState.optional(),
  tree: taskId.optional().describe('This task and all below it.'),
  after: taskId.optional().describe('`next` of the page before.'),
  limit: pageSize,
});

export const taskView = z
  .object({
    id: z.string(),
    parent: z.string().exactOptional().describe('The task that it is a part of.'),
    state: taskState.describe('`settled`: closed, and no credential is left to be killed at a target.'),
    outcome: z.enum(OUTCOMES).exactOptional().describe('How it ended.'),
    purpose: z.string().describe('Untrusted text: recorded and shown, never decisive.'),
    orchestrator: z.string().describe('The principal that opened it.'),
    agents: z.array(z.string()).readonly().describe('Names or globs of the principals that it is for.'),
    tools: z
      .array(
        z.object({
          tool: z.string(),
          actions: z.array(z.string()).readonly(),
          resources: z
            .array(z.string())
            .readonly()
            .exactOptional()
            .describe('Absent: no bound on resources.'),
        }),
      )
      .readonly()
      .describe('The most that it may ever hold.'),
    instance: z
      .object({ kind: z.enum(INSTANCE_KINDS), id: z.string().exactOptional() })
      .readonly()
      .exactOptional()
      .describe(
        'The one instance of an agent that it is for; without an id, the first that gets a credential.',
      ),
    labels: z.record(z.string(), z.string()).readonly(),
    opened_at: timestamp('When it was opened.'),
    deadline: timestamp('When it is closed by itself.'),
    closed_at: timestamp('When it was closed.').exactOptional(),
    closed_by: z
      .string()
      .exactOptional()
      .describe('Who closed it: a principal, or `mayfly` at its deadline.'),
    reason: z.string().exactOptional(),
    settled_at: timestamp('When its last credential was accounted for.').exactOptional(),
    signals: z
      .array(z.string())
      .readonly()
      .exactOptional()
      .describe('What was reported of its tree; told when one task is read. Absent: nothing.'),
    leases: z
      .record(z.enum(LEASE_STATES), z.int())
      .readonly()
      .exactOptional()
      .describe(
        'How many, by state: counted when the task is read or opened; a close does not wait for a count.',
      ),
  })
  .describe('A task: the unit of authority.');
export type TaskView = z.infer<typeof taskView>;

export const taskList = z.object({
  tasks: z.array(taskView).describe('Newest first.'),
  next: z
    .string()
    .exactOptional()
    .describe('Give this as `after` for the page that follows; absent on the last.'),
});
export type TaskList = z.infer<typeof taskList>;
