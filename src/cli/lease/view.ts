// A lease as a person reads it.
import type { LeaseView } from '../../wire/leases.js';
import { facts, table } from '../table.js';
import { when } from '../time.js';

type Ended = NonNullable<LeaseView['ended']>;
type Forced = NonNullable<Ended['forced']>;

export function leaseText(lease: LeaseView, now: number): string {
  const { ended, accepted_at: acceptedAt, confirmed_at: confirmedAt, authorization_details: details } = lease;
  return facts([
    ['lease', lease.id],
    ['state', lease.state],
    ['ended', ended && `${when(ended.at, now)} by ${endText(ended)}`],
    ['forced', ended?.forced && forcedText(ended.forced, now)],
    ['accepted', acceptedAt && `${when(acceptedAt, now)} by its target`],
    ['confirmed', confirmedAt && when(confirmedAt, now)],
    ['agent', lease.agent],
    ['task', lease.task_id],
    ['tool', `${lease.tool} (plane ${lease.plane}, ${lease.kind})`],
    ['audience', lease.audience],
    ['scope', lease.scope],
    ['instance', lease.instance],
    ['bound to key', lease.cnf?.jkt],
    ['single use', lease.single_use && 'yes: good once, for a tool that asks the broker'],
    ['details', details && JSON.stringify(details)],
    ['issued', when(lease.issued_at, now)],
    ['expires', when(lease.expires_at, now)],
    ['revocation', lease.revocation],
    ['policy', lease.policy_digest],
    ['request', lease.request_id],
  ]);
}

const forcedText = ({ at, by, reason, request_id: requestId }: Forced, now: number): string =>
  `${when(at, now)} by ${by} (${JSON.stringify(reason)}), request ${requestId}: no target confirmed it`;

function endText({ cause, name, reason, request_id: requestId }: Ended): string {
  const what = [cause, name].filter(Boolean).join(' ');
  const because = reason === undefined ? '' : ` (${JSON.stringify(reason)})`;
  return `${what}${because}${requestId === undefined ? '' : `, request ${requestId}`}`;
}

export const leasesText = (leases: readonly LeaseView[], now: number): string =>
  table(
    ['lease', 'state', 'agent', 'task', 'tool', 'scope', 'expires'],
    leases.map((lease) => [
      lease.id,
      lease.ended?.forced ? `${lease.state} (forced)` : lease.state,
      lease.agent,
      lease.task_id,
      lease.tool,
      lease.scope,
      when(lease.expires_at, now),
    ]),
  );
