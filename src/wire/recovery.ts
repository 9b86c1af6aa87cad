// Recovery after a restored backup, on the wire.
import { z } from 'zod';
import type { QuarantineView } from './revocations.js';

export const recoverBody = z
  .strictObject({
    reason: z.string().min(1).max(500),
    keep_tasks: z.boolean().default(false),
    /** Of an earlier answer: goes on closing what was open at that moment, and kills nothing more. */
    cutoff: z.iso
      .datetime({ offset: true })
      .transform((when) => Date.parse(when))
      .optional(),
  })
  .refine(({ keep_tasks, cutoff }) => !keep_tasks || cutoff === undefined, {
    path: ['cutoff'],
    error: 'is for going on with closing tasks: it does not go with keep_tasks',
  });
export type RecoverBody = z.input<typeof recoverBody>;

export const recoverQuery = z.strictObject({ preview: z.enum(['true', 'false']).optional() });

/** How many credentials a recovery ends. */
interface Deaths {
  /** Credentials that are dead now (in a preview: would be, at once). */
  dead: number;
  /** Credentials whose targets are still being asked (in a preview: would be). */
  settling: number;
  /** There was no time to count all of them: there may be more than the two say. */
  at_least?: true;
}

export interface RecoveryPreview extends Deaths {
  preview: true;
  /** Open tasks, those below them not counted. Absent where tasks are to be kept. */
  tasks?: number;
  /** There was no time to count all of the tasks. */
  tasks_at_least?: true;
}

export interface SigningKeyView {
  kid: string;
  created_at: string;
  /** Signs from here on, until a later one does. */
  signs_from: string;
}

export interface RecoveryView extends Partial<Deaths> {
  preview: false;
  /** What was issued up to here is dead, and tasks that were opened up to here are closed. */
  cutoff: string;
  reason: string;
  /** By this answer, each with all below it. */
  tasks_closed: number;
  /** False: tasks are left. Ask again with this `cutoff`. */
  done: boolean;
  /** In force now, to be compared with what was in force when the backup's successor was lost. */
  quarantines: QuarantineView[];
  /** Keys that sign, have signed or will sign; one that had been killed since the backup is among them again. */
  signing_keys: SigningKeyView[];
}
