// Tasks on the wire.
import { z } from 'zod';
import type { LeaseState } from '../domain/lease.js';
import type { Outcome, TaskState } from '../domain/task.js';
import { NAMED_OUTCOMES } from '../domain/task.js';
import { duration, pageSize, taskId } from './common.js';

const text = (most: number) => z.string().min(1).max(most);
/** Printable ASCII without spaces: globs of names end up in records and terminals. */
const glob = z
  .string()
  .regex(/^[\x21-\x7e]{1,512}$/, 'must be 1 to 512 printable ASCII characters without spaces');

const manifestTool = z.strictObject({
  tool: text(64),
  actions: z.array(text(128)).min(1).max(64),
  resources: z.array(glob).min(1).max(64).optional(),
});

export const openTaskBody = z.strictObject({
  id: taskId.optional(),
  parent: taskId.optional(),
  purpose: text(2000),
  agents: z.array(glob).min(1).max(64),
  tools: z
    .array(manifestTool)
    .min(1)
    .max(64)
    .refine(
      (tools) => new Set(tools.map(({ tool }) => tool)).size === tools.length,
      'must name each tool once',
    ),
  ttl: duration,
  labels: z
    .record(z.string().regex(/^[a-z0-9_.-]{1,64}$/), z.string().max(256))
    .refine((labels) => Object.keys(labels).length <= 32, 'must be at most 32 labels')
    .optional(),
});
export type OpenTaskBody = z.infer<typeof openTaskBody>;

export const completeTaskBody = z.strictObject({
  outcome: z.enum(NAMED_OUTCOMES).default('completed'),
  reason: text(500).optional(),
});

/** Either a new deadline or how much longer from now. */
export const extendTaskBody = z
  .strictObject({
    ttl: duration.optional(),
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

export const completeTaskQuery = z.strictObject({ wait: duration.optional() });

export const listTasksQuery = z.strictObject({
  state: z.enum(['open', 'closed', 'settled']).optional(),
  tree: taskId.optional(),
  after: taskId.optional(),
  limit: pageSize,
});

export interface TaskView {
  id: string;
  parent?: string;
  state: TaskState;
  outcome?: Outcome;
  purpose: string;
  orchestrator: string;
  agents: readonly string[];
  tools: readonly { tool: string; actions: readonly string[]; resources?: readonly string[] }[];
  labels: Readonly<Record<string, string>>;
  opened_at: string;
  deadline: string;
  closed_at?: string;
  closed_by?: string;
  reason?: string;
  settled_at?: string;
  /** Counted when the task is read or opened; a close does not wait for a count. */
  leases?: Readonly<Record<LeaseState, number>>;
}

export interface TaskList {
  tasks: TaskView[];
  /** Give this as `after` for the next page; absent on the last. */
  next?: string;
}
