// Tool calls on the wire: what a verifier accepted and what it refused, as it tells the audit log.
import { z } from 'zod';
import { CALL_REFUSALS } from '../domain/call-refusal.js';
import { taskId } from './common.js';
import { leaseId } from './leases.js';
import { principal } from './revocations.js';

const MOST_CALLS = 500;
/** Of what a caller of the tool may have made up: bounded here, and brought into form where it is recorded. */
const made = z.string().min(1).max(4096);
const MOST_MEMBERS = 8;

const toolCall = z
  .strictObject({
    at: z.iso
      .datetime({ offset: true })
      .transform((when) => Date.parse(when))
      .describe('When, by the clock of the verifier.'),
    tool: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'must be the name of a tool')
      .describe('One of its own.'),
    action: made.exactOptional().describe('What has not the form of an action is not recorded.'),
    resource: made
      .exactOptional()
      .describe('Recorded up to 512 characters, without what follows a `?` or `#`, and without tokens.'),
    outcome: z.enum(['accepted', 'refused']),
    reason: z.enum(CALL_REFUSALS).exactOptional().describe('Why it was refused.'),
    lease: leaseId.exactOptional(),
    task: taskId.exactOptional(),
    agent: principal.exactOptional(),
    token_digest: z
      .string()
      .regex(/^[\w-]{43}$/, 'must be a SHA-256 as base64url')
      .exactOptional()
      .describe('SHA-256 of what was shown, where it names no lease.'),
    detail: z
      .record(z.string().regex(/^[a-z][a-z0-9_]{0,31}$/), z.union([made, z.number(), z.boolean()]))
      .refine((members) => Object.keys(members).length <= MOST_MEMBERS, `must be at most ${MOST_MEMBERS}`)
      .exactOptional()
      .describe('Numbers, truths, and words of up to 32 characters.'),
  })
  .refine(({ outcome, reason }) => outcome === 'refused' || reason === undefined, {
    path: ['reason'],
    error: 'goes with a refused call only',
  });

export const toolCallsBody = z.strictObject({
  batch: z
    .string()
    .regex(/^[\w-]{1,64}$/, 'must be 1 to 64 letters, digits, _ and -')
    .describe('A name for this batch that the verifier gives no other. The same again is recorded once.'),
  dropped: z
    .int()
    .min(0)
    .max(1e9)
    .exactOptional()
    .describe('How many calls the verifier could not keep since the batch before.'),
  calls: z.array(toolCall).min(1).max(MOST_CALLS),
});
/** As it is sent. */
export type ToolCallsRequest = z.input<typeof toolCallsBody>;

export const toolCallsView = z
  .object({
    recorded: z.int().describe('How many are on record by this request: 0 where all were by one before it.'),
  })
  .describe('A batch of tool calls, once all of them are on record.');
export type ToolCallsView = z.infer<typeof toolCallsView>;
