// Kills and quarantines on the wire.
import { z } from 'zod';
import type { Selector } from '../domain/selector.js';
import { taskId, timestamp } from './common.js';
import { leaseId } from './leases.js';

/** Held to the form of what each names: nothing else, such as a token pasted by mistake, may end up on record. */
export const principal = z
  .string()
  .max(2048)
  // A space may stand within: deployment environments of GitHub have them, and what can come must be killed.
  .regex(
    /^(?:[a-z0-9-]{1,32}\/|spiffe:\/\/)[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+$/u,
    'must be a principal: <trust>/<subject>, or a SPIFFE ID',
  );
const tool = z.string().regex(/^[\w.-]{1,64}$/, 'must be the name of a tool');
const trust = z
  .string()
  .regex(/^[a-z0-9-]{1,32}$/, 'must be the name of a trusted issuer in the configuration');
const key = z.string().regex(/^[\w-]{43}$/, 'must be a key id, as in the JWKS');

/** Exactly one selector: `{"agent": "prod/agent-7"}`, or `{"all": true}`. */
export const selector = z.union(
  [
    z.strictObject({ lease: leaseId }),
    z.strictObject({ task: taskId }),
    z.strictObject({ agent: principal }),
    z.strictObject({ tool }),
    z.strictObject({ trust }),
    z.strictObject({ key }),
    z.strictObject({ all: z.literal(true) }),
  ],
  { error: 'must be exactly one of lease, task, agent, tool, trust, key (a name) or all (true)' },
);
export type SelectorView = z.infer<typeof selector>;

export const revokeBody = z
  .strictObject({
    select: selector,
    reason: z.string().min(1).max(500),
    quarantine: z
      .boolean()
      .default(false)
      .describe('With `agent`: it gets nothing until the quarantine is lifted.'),
  })
  .refine(({ select, quarantine }) => !quarantine || 'agent' in select, {
    path: ['quarantine'],
    error: 'goes with an agent selector only',
  });

export type RevokeRequest = z.input<typeof revokeBody>;

export const revokeQuery = z.strictObject({
  preview: z.enum(['true', 'false']).optional().describe('Kill nothing, and tell what would die.'),
});

export function selectorOf(view: SelectorView): Selector {
  const [kind, named] = Object.entries(view)[0] as [Selector['kind'], string | true];
  return { kind, name: named === true ? '' : named };
}

export const selectorView = ({ kind, name: named }: Selector): SelectorView =>
  (kind === 'all' ? { all: true } : { [kind]: named }) as SelectorView;

export const revocationView = z
  .object({
    select: selector,
    preview: z.boolean(),
    dead: z.int().describe('Credentials that are dead now (in a preview: would be, at once).'),
    settling: z.int().describe('Credentials whose targets are still being asked (in a preview: would be).'),
    at_least: z
      .literal(true)
      .exactOptional()
      .describe('Counting them all would have kept the answer waiting: there may be more than the two say.'),
    at: timestamp('Store time of the kill.').exactOptional(),
    cutoff: timestamp(
      'Kills what was issued up to here. Absent where there is no end to it.',
    ).exactOptional(),
    reason: z.string().exactOptional(),
    quarantined: z.boolean().exactOptional().describe('Whether the agent gets nothing from here on.'),
  })
  .describe('A kill, or what one would end.');
export type RevocationView = z.infer<typeof revocationView>;

export const quarantineView = z
  .object({
    agent: z.string(),
    since: timestamp('When it began.'),
    by: z.string().describe('The operator who asked for it.'),
    reason: z.string().exactOptional(),
  })
  .describe('An agent that gets nothing.');
export type QuarantineView = z.infer<typeof quarantineView>;

export const quarantineList = z.object({ quarantines: z.array(quarantineView) });
