// Reconciliation of targets with the store, on the wire.
import { z } from 'zod';

export const reconcileBody = z.strictObject({
  tool: z
    .string()
    .regex(/^[\w.-]{1,64}$/, 'must be the name of a tool')
    .optional()
    .describe('This one alone; absent: all that have credentials at a target.'),
});
export type ReconcileRequest = z.input<typeof reconcileBody>;

export const reconciliationView = z
  .object({
    targets: z
      .array(
        z.object({
          tool: z.string(),
          listed: z
            .int()
            .exactOptional()
            .describe('Credentials of ours that its target held; absent where it cannot tell, or could not.'),
          orphans: z.int().describe('Those without a live lease. What is neither killed nor failed is left.'),
          killed: z.int().describe('Orphans that are dead now.'),
          failed: z.int().describe('Orphans that could not be killed.'),
          missing: z.int().describe('Active leases without a credential at the target.'),
          undone: z
            .int()
            .describe(
              'Kills that somebody had taken back at the target, as this broker saw; they are in force again.',
            ),
          error: z.string().exactOptional().describe('Why the target could not be compared, or put right.'),
        }),
      )
      .describe('Of every tool whose credentials can be listed, or whose target can be put right.'),
  })
  .describe('What targets held against what is on record.');
export type ReconciliationView = z.infer<typeof reconciliationView>;
