// A kill that names more than one task's leases, in every slot: intent, fence, selector, conclusion, in this order.
import type { AuditEntry } from '../../audit/entry.js';
import { MINUTE_MS } from '../../domain/duration.js';
import { sha256 } from '../../domain/digest.js';
import type { PrincipalName, RequestId } from '../../domain/ids.js';
import type { Revocation } from '../../domain/revocation.js';
import type { Selector } from '../../domain/selector.js';
import { selectorText, WIDE_KINDS } from '../../domain/selector.js';
import type { Quarantine } from '../store.js';
import { HOME_SLOT } from './keys.js';
import { factsOf, killRecord, luaJson } from './records.js';
import type { Answer, Argument } from './slots.js';

/** All that is needed to carry out a kill, by whomever: what a broker that died in the middle leaves behind. */
export interface Intent {
  readonly id: string;
  readonly select: Selector;
  readonly by: PrincipalName | 'mayfly';
  readonly reason?: string;
  readonly requestId: RequestId;
  readonly quarantine: boolean;
  /** Of the event that its conclusion writes. */
  readonly facts: string;
}

export function intentOf(
  { select, by, reason, quarantine }: Pick<Intent, 'select' | 'by' | 'reason' | 'quarantine'>,
  entry: AuditEntry,
): Intent {
  const { requestId } = entry;
  return {
    id: sha256(`${requestId} ${selectorText(select)}`).slice(0, 16),
    select,
    by,
    ...(reason !== undefined && { reason }),
    requestId,
    quarantine,
    facts: factsOf(entry),
  };
}

/** The calls that a kill is made of: in a slot, and in all of them. */
export interface Reach {
  in(
    name: 'intend-kill' | 'fix-cutoff' | 'conclude-kill',
    slot: number,
    args: readonly Argument[],
  ): Promise<Answer>;
  all(name: 'raise-fence' | 'apply-kill', args: readonly Argument[]): Promise<Answer[]>;
  /** The highest time that any slot has answered with by now. */
  latest(): number;
}

export interface WideTerms {
  readonly skewMs: number;
  /** How long a selector stays to tell how leases ended, after it is moot. */
  readonly retentionMs: number;
}

/** What no slot issues to any more, from its fence on: an agent in quarantine, a killed key. */
function barOf({ select, by, reason, quarantine }: Intent, since: number): [bar: string, why: string] {
  if (select.kind === 'key') return [selectorText(select), '1'];
  if (select.kind !== 'agent' || !quarantine) return ['', ''];
  const record: Quarantine = { agent: select.name, since, by, ...(reason !== undefined && { reason }) };
  return [selectorText(select), luaJson(record)];
}

/**
 * Carries the kill out. Dead is what was issued up to the highest of the times that the slots answered: nothing is
 * issued at or before its own answer in any slot, so nothing of before escapes, and what comes after is later. Two
 * who carry out the same kill use the same cut-off, so that the slower one kills nothing that came after the faster.
 * Undefined where somebody else has concluded it already.
 */
export async function carryOut(
  intent: Intent,
  reach: Reach,
  terms: WideTerms,
): Promise<Revocation | undefined> {
  const { id, select, by, reason, requestId, facts } = intent;
  const [bar, why] = barOf(intent, reach.latest());
  const fences = await reach.all('raise-fence', [bar, why]);
  const [at] = (await reach.in('fix-cutoff', HOME_SLOT, [id, reach.latest()])) as [number];
  if (at === 0) return undefined;
  const horizon = Math.max(...fences.map(([end]) => end as number));
  const revocation: Revocation = {
    ...select,
    cutoff: WIDE_KINDS.has(select.kind) ? at : Infinity,
    mootAt: Math.max(at, horizon) + terms.skewMs,
    at,
    by,
    ...(reason !== undefined && { reason }),
    requestId,
  };
  const record = luaJson(killRecord(revocation));
  await reach.all('apply-kill', [selectorText(select), record, keptFor(terms)]);
  const { cutoff } = revocation;
  const detail = { select: selectorText(select), at, ...(cutoff !== Infinity && { cutoff }) };
  await reach.in('conclude-kill', HOME_SLOT, [
    id,
    selectorText(select),
    record,
    facts,
    JSON.stringify(detail),
  ]);
  return revocation;
}

/** For how long a wide kill is kept when it is moot: a lease goes at the end of the minute in which it may. */
export const keptFor = ({ retentionMs }: WideTerms): number => retentionMs + MINUTE_MS;
