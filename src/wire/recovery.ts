// Recovery after a restored backup, on the wire.
import { z } from 'zod';
import { timestamp } from './common.js';
import { quarantineView } from './revocations.js';

export const recoverBody = z
  .strictObject({
    reason: z.string().min(1).max(500),
    keep_tasks: z.boolean().default(false).describe('Kill, and leave tasks open.'),
    cutoff: z.iso
      .datetime({ offset: true })
      .transform((when) => Date.parse(when))
      .optional()
      .describe(
        'Of an earlier answer: goes on closing what was open at that moment, and kills nothing more.',
      ),
  })
  .refine(({ keep_tasks, cutoff }) => !keep_tasks || cutoff === undefined, {
    path: ['cutoff'],
    error: 'is for going on with closing tasks: it does not go with keep_tasks',
  });
export type RecoverBody = z.input<typeof recoverBody>;

export const recoverQuery = z.strictObject({
  preview: z.enum(['true', 'false']).optional().describe('Change nothing, and tell what would end.'),
});

/** How many credentials a recovery ends. */
const deaths = z.object({
  dead: z.int().describe('Credentials that are dead now (in a preview: would be, at once).'),
  settling: z.int().describe('Credentials whose targets are still being asked (in a preview: would be).'),
  at_least: z
    .literal(true)
    .exactOptional()
    .describe('There was no time to count all of them: there may be more than the two say.'),
});

export const recoveryPreview = z
  .object({
    preview: z.literal(true),
    ...deaths.shape,
    tasks: z
      .int()
      .exactOptional()
      .describe('Open tasks, those below them not counted. Absent where tasks are to be kept.'),
    tasks_at_least: z.literal(true).exactOptional().describe('There was no time to count all of the tasks.'),
  })
  .describe('What a recovery would end.');
export type RecoveryPreview = z.infer<typeof recoveryPreview>;

const signingKeyView = z.object({
  kid: z.string(),
  created_at: timestamp('When it was made.'),
  signs_from: timestamp('Signs from here on, until a later one does.'),
});

export const recoveryView = z
  .object({
    preview: z.literal(false),
    cutoff: timestamp(
      'What was issued up to here is dead, and tasks that were opened up to here are closed. Ask again with it.',
    ),
    reason: z.string(),
    dead: deaths.shape.dead.exactOptional(),
    settling: deaths.shape.settling.exactOptional(),
    at_least: deaths.shape.at_least,
    tasks_closed: z.int().describe('By this answer, each with all below it.'),
    done: z.boolean().describe('False: tasks are left. Ask again with this `cutoff`.'),
    quarantines: z
      .array(quarantineView)
      .describe("In force now, to be compared with what was in force when the backup's successor was lost."),
    signing_keys: z
      .array(signingKeyView)
      .describe(
        'Keys that sign, have signed or will sign; one that had been killed since the backup is among them again.',
      ),
  })
  .describe('What a recovery ended.');
export type RecoveryView = z.infer<typeof recoveryView>;
