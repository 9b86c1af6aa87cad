// Kills and quarantines on the wire.
import { z } from 'zod';
import type { Selector } from '../domain/selector.js';
import { taskId } from './common.js';
import { leaseId } from './leases.js';

/** Held to the form of what each names: nothing else, such as a token pasted by mistake, may end up on record. */
const agent = z
  .string()
  .max(2048)
  .regex(
    /^(?:[a-z0-9-]{1,32}\/|spiffe:\/\/)[^\p{C}\p{Z}]+$/u,
    'must be a principal: <trust>/<subject>, or a SPIFFE ID',
  );
const tool = z.string().regex(/^[\w-]{1,64}$/, 'must be the name of a tool');
const trust = z
  .string()
  .regex(/^[a-z0-9-]{1,32}$/, 'must be the name of a trusted issuer in the configuration');
const key = z.string().regex(/^[\w-]{43}$/, 'must be a key id, as in the JWKS');

/** Exactly one selector: `{"agent": "prod/agent-7"}`, or `{"all": true}`. */
export const selector = z.union(
  [
    z.strictObject({ lease: leaseId }),
    z.strictObject({ task: taskId }),
    z.strictObject({ agent }),
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
    quarantine: z.boolean().default(false),
  })
  .refine(({ select, quarantine }) => !quarantine || 'agent' in select, {
    path: ['quarantine'],
    error: 'goes with an agent selector only',
  });

export const revokeQuery = z.strictObject({ preview: z.enum(['true', 'false']).optional() });

export function selectorOf(view: SelectorView): Selector {
  const [kind, named] = Object.entries(view)[0] as [Selector['kind'], string | true];
  return { kind, name: named === true ? '' : named };
}

export const selectorView = ({ kind, name: named }: Selector): SelectorView =>
  (kind === 'all' ? { all: true } : { [kind]: named }) as SelectorView;

export interface RevocationView {
  select: SelectorView;
  preview: boolean;
  /** Credentials that are dead now (in a preview: would be, at once). */
  dead: number;
  /** Credentials whose targets are still being asked (in a preview: would be). */
  settling: number;
  /** Present where counting them all would have kept the answer waiting: there may be more than the two say. */
  at_least?: true;
  /** Store time of the kill. */
  at?: string;
  /** Kills what was issued up to here. Absent where there is no end to it. */
  cutoff?: string;
  reason?: string;
  quarantined?: boolean;
}

export interface QuarantineView {
  agent: string;
  since: string;
  by: string;
  reason?: string;
}
