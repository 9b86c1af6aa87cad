// Kills and quarantines on the wire.
import { z } from 'zod';
import type { Selector } from '../domain/selector.js';

const name = z.string().min(1).max(2048);

/** Exactly one selector: `{"agent": "prod/agent-7"}`, or `{"all": true}`. */
export const selector = z.union(
  [
    z.strictObject({ lease: name }),
    z.strictObject({ task: name }),
    z.strictObject({ agent: name }),
    z.strictObject({ tool: name }),
    z.strictObject({ trust: name }),
    z.strictObject({ key: name }),
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
