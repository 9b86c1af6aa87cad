// The audit log on the wire.
import { z } from 'zod';
import { pageSize, timestamp } from './common.js';

export const auditQuery = z.strictObject({
  task: z.string().max(1024).optional().describe('Of this task and all below it.'),
  agent: z.string().max(2048).optional().describe('Of this principal.'),
  lease: z.string().max(64).optional(),
  request: z.string().max(64).optional().describe('The `X-Request-Id` that somebody got.'),
  after: z.coerce.number().int().nonnegative().optional().describe('Only events after this sequence.'),
  before: z.coerce
    .number()
    .int()
    .positive()
    .optional()
    .describe('Only events before it: `next` of the page before.'),
  limit: pageSize,
});

export const auditEventView = z
  .object({
    sequence: z.int().describe('Grows with every event of a task tree.'),
    at: timestamp('By the time of the store.'),
    request_id: z.string().describe('The `X-Request-Id` that the caller got.'),
    action: z.string().describe('What was asked for, as `token.exchange`.'),
    outcome: z.enum(['permitted', 'refused', 'failed']),
    reason: z
      .string()
      .exactOptional()
      .describe('Why it was refused: the true reason, which the caller was not told.'),
    principal: z.string().exactOptional().describe('Who asked, where that is known.'),
    task_id: z.string().exactOptional(),
    lease_id: z.string().exactOptional(),
    tool: z.string().exactOptional(),
    detail: z
      .record(z.string(), z.unknown())
      .readonly()
      .describe('Whatever else tells the story. Tokens stand here as their SHA-256.'),
  })
  .describe('One event of the audit log.');
export type AuditEventView = z.infer<typeof auditEventView>;

export const auditList = z.object({
  events: z.array(auditEventView).describe('Newest first.'),
  next: z
    .int()
    .exactOptional()
    .describe('Give this as `before` for the page that follows; absent on the last.'),
});
export type AuditList = z.infer<typeof auditList>;
