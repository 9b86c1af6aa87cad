// `mayfly policy replay`: decides again what a broker has on record, and tells what would come out otherwise.
import { parseDuration } from '../../domain/duration.js';
import type { PolicySet } from '../../policy/cedar/policy-set.js';
import type { AuditEventView } from '../../wire/audit.js';
import { connect, jsonText } from '../broker-command.js';
import type { Connection } from '../connection.js';
import { EXIT, Failure, usage } from '../failure.js';
import type { Shell } from '../shell.js';
import type { ReplayOptions } from './options.js';
import { atHand, counted } from './at-hand.js';
import { recordedDecision } from './recorded.js';
import { type Difference, type Replayed, differenceOf, replayText, replayView } from './replayed.js';

export async function replay(options: ReplayOptions, shell: Shell): Promise<void> {
  const since = sinceOf(options.since);
  const { loaded } = await atHand(options, shell);
  const connection = connect(options, shell);
  const { from, events } = await eventsSince(connection, since);
  const replayed = await replayedOf(events, loaded.set);
  const { decisions, differences, unreadable } = replayed;
  if (options.json) shell.out(jsonText({ since: new Date(from).toISOString(), ...replayView(replayed) }));
  else shell.out(replayText(replayed));
  if (unreadable > 0)
    throw new Failure(
      EXIT.refused,
      `${counted(unreadable, 'decision')} cannot be read: the broker has another version`,
    );
  if (differences.length > 0)
    throw new Failure(
      EXIT.refused,
      `${differences.length} of ${decisions} decisions would come out otherwise`,
    );
}

async function replayedOf(events: AsyncIterable<AuditEventView>, set: PolicySet): Promise<Replayed> {
  const counts = { decisions: 0, withoutInput: 0, unreadable: 0 };
  const differences: Difference[] = [];
  for await (const event of events) {
    const recorded = recordedDecision(event);
    if (recorded === undefined) {
      if (event.detail['policy'] !== undefined) counts.withoutInput++;
    } else if (recorded === 'unreadable') counts.unreadable++;
    else {
      counts.decisions++;
      const difference = differenceOf(recorded, set);
      if (difference) differences.push(difference);
    }
  }
  return { ...counts, differences };
}

type Since = { readonly agoMs: number } | { readonly at: number };

function sinceOf(written: string): Since {
  const agoMs = parseDuration(written);
  if (agoMs !== undefined) return { agoMs };
  // A time without a zone would be another one on another machine.
  const at = /^\d{4}-\d\d-\d\d(?:T.+(?:Z|[+-]\d\d:\d\d))?$/.test(written) ? Date.parse(written) : Number.NaN;
  if (!Number.isNaN(at)) return { at };
  throw usage('--since is a duration, such as 24h or 7d, or a time, such as 2026-03-01T18:00:00Z');
}

const MOST_EVENTS = 200;

/** A duration counts from the broker's now, which its first answer tells. */
async function eventsSince(
  connection: Connection,
  since: Since,
): Promise<{ readonly from: number; readonly events: AsyncIterable<AuditEventView> }> {
  const first = await connection.client.readAudit({ limit: MOST_EVENTS });
  const from = 'at' in since ? since.at : connection.now() - since.agoMs;
  async function* pages(): AsyncGenerator<AuditEventView> {
    for (let page = first; ;) {
      const young = page.events.filter(({ at }) => Date.parse(at) >= from);
      yield* young;
      // By sequence, which between two trees need not be by time: one old event alone ends nothing.
      if (page.next === undefined || young.length === 0) return;
      page = await connection.client.readAudit({ before: page.next, limit: MOST_EVENTS });
    }
  }
  return { from, events: pages() };
}
