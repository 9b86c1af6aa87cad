// What comes out otherwise when recorded decisions are made again: told one by one, or in groups where there are many.
import { canonicalJson } from '../../domain/digest.js';
import type { PolicySet } from '../../policy/cedar/policy-set.js';
import type { Decision } from '../../policy/policy.js';
import { table } from '../table.js';
import { type ObligationsView, obligationsOf, obligationsText } from './decision-text.js';
import type { RecordedDecision } from './recorded.js';
import { decidedAgain } from './recorded.js';
import { toolsText } from './request-text.js';

type Change = 'newly_allowed' | 'newly_denied' | 'obligations_changed';

export interface Difference {
  readonly change: Change;
  readonly request_id: string;
  readonly at: string;
  readonly principal: string;
  readonly action: string;
  readonly tool: string;
  readonly task: string;
  readonly before: Side;
  readonly after: Side;
}

export interface Replayed {
  readonly decisions: number;
  readonly differences: readonly Difference[];
  /** Decided while there were no policies: nothing on record to decide again. */
  readonly withoutInput: number;
  /** Recorded by another version. */
  readonly unreadable: number;
}

interface Side {
  readonly decision: Decision['effect'];
  readonly determining: readonly string[];
  readonly obligations?: ObligationsView;
  readonly why?: string;
}

/** An approval stands between: somebody may say yes. */
const ORDER: Readonly<Record<Decision['effect'], number>> = { deny: 0, approval: 1, permit: 2 };

/** Undefined where it comes out the same, by whatever policies. */
export function differenceOf(recorded: RecordedDecision, set: PolicySet): Difference | undefined {
  const { event, request, effect, determining, obligations } = recorded;
  const again = decidedAgain(set, request);
  const change = changeBetween(recorded, again);
  if (change === undefined) return undefined;
  return {
    change,
    request_id: event.request_id,
    at: event.at,
    principal: request.principal.id,
    // A review decides as an exchange of its day would be.
    action: event.action === 'lease.review' ? event.action : request.action,
    tool: toolsText(request.tools),
    task: request.tasks[0]?.id ?? '',
    before: { decision: effect, determining, ...(obligations && { obligations }) },
    after: {
      decision: again.effect,
      determining: again.determining,
      obligations: obligationsOf(again),
      ...(again.why !== undefined && { why: again.why }),
    },
  };
}

function changeBetween(
  { effect, obligations, event }: RecordedDecision,
  again: ReturnType<typeof decidedAgain>,
): Change | undefined {
  const step = ORDER[again.effect] - ORDER[effect];
  // A review ends a lease for want of an approval as well, and nobody is asked for one.
  if (event.action === 'lease.review' && again.effect !== 'permit' && effect !== 'permit') return undefined;
  if (step !== 0) return step > 0 ? 'newly_allowed' : 'newly_denied';
  const changed = obligations && canonicalJson(obligations) !== canonicalJson(obligationsOf(again));
  return changed && effect !== 'deny' ? 'obligations_changed' : undefined;
}

const CHANGES: Readonly<Record<Change, string>> = {
  newly_allowed: 'newly allowed',
  newly_denied: 'newly denied',
  obligations_changed: 'obligations changed',
};

const of = ({ differences }: Replayed, change: Change): readonly Difference[] =>
  differences.filter((one) => one.change === change);

export const replayView = (replayed: Replayed): object => ({
  decisions: replayed.decisions,
  same: replayed.decisions - replayed.differences.length,
  without_input: replayed.withoutInput,
  unreadable: replayed.unreadable,
  ...Object.fromEntries((Object.keys(CHANGES) as Change[]).map((change) => [change, of(replayed, change)])),
});

/** So many can be read one by one. */
const MOST_SINGLE = 20;

export function replayText(replayed: Replayed): string {
  const { decisions, differences, withoutInput } = replayed;
  const changes = Object.keys(CHANGES) as Change[];
  const counts = changes.map((change) => `${of(replayed, change).length} ${CHANGES[change]}`);
  const lists = changes.flatMap((change) => {
    const some = of(replayed, change);
    if (some.length === 0) return [];
    return [CHANGES[change], some.length > MOST_SINGLE ? grouped(some) : single(some), ''];
  });
  return [
    ...lists,
    ...(withoutInput > 0
      ? [`${withoutInput} decided without policies, with nothing on record to decide again`]
      : []),
    `${decisions} decisions: ${decisions - differences.length} the same, ${counts.join(', ')}`,
  ].join('\n');
}

const single = (some: readonly Difference[]): string =>
  table(
    ['request', 'principal', 'action', 'tool', 'task', 'now'],
    some.map((one) => [one.request_id, one.principal, one.action, one.tool, one.task, sideText(one)]),
  );

function grouped(some: readonly Difference[]): string {
  const groups = new Map<string, Difference[]>();
  for (const one of some) {
    const key = canonicalJson([one.principal, one.action, one.tool, sideText(one)]);
    const group = groups.get(key);
    if (group) group.push(one);
    else groups.set(key, [one]);
  }
  const rows = [...groups.values()].toSorted((a, b) => b.length - a.length);
  return table(
    ['count', 'principal', 'action', 'tool', 'now', 'such as'],
    rows.map((group) => {
      const [one] = group as [Difference];
      return [String(group.length), one.principal, one.action, one.tool, sideText(one), one.request_id];
    }),
  );
}

function sideText({ change, before, after }: Difference): string {
  if (change === 'obligations_changed')
    return `${obligationsText(after.obligations ?? {})}, not ${obligationsText(before.obligations ?? {})}`;
  const by = after.determining.length > 0 ? `by ${after.determining.join(', ')}` : 'as no policy permits it';
  return `${after.decision} ${by}`;
}
