// `mayfly why`: tells why a request was refused, or how a credential died, from what is on record.
import type { Command } from 'commander';
import { isLeaseId, isRequestId } from '../domain/ids.js';
import { type BrokerOptions, brokerCommand, connect, jsonText } from './broker-command.js';
import type { Connection } from './connection.js';
import { eventsText } from './events.js';
import { EXIT, Failure, usage } from './failure.js';
import { plain } from './plain.js';
import type { Shell } from './shell.js';
import { callsStory, withoutManyCalls } from './why/call-story.js';
import { leaseStory, storyFromLog } from './why/lease-story.js';
import { type StoryRecord, leaseRecord, requestRecord } from './why/record.js';
import { requestStory } from './why/request-story.js';

export function addWhy(program: Command, shell: Shell): void {
  brokerCommand(
    program,
    'why <id>',
    'why a request was refused, or how a credential died: req_… or lease_…',
  ).action(async (id: string, options: BrokerOptions) => {
    const isLease = isLeaseId(id);
    if (!isLease && !isRequestId(id))
      throw usage(`${plain(id)} is neither a request id (req_…) nor a lease id (lease_…)`);
    const connection = connect(options, shell);
    const record = isLease ? await leaseRecord(connection, id) : await requestRecord(connection, id);
    if (!record.lease && record.events.length === 0) throw nothingKnown(id, record);
    if (options.json) shell.out(jsonText({ lease: record.lease, events: record.events }));
    else await tell(shell, connection, id, record);
  });
}

async function tell(shell: Shell, connection: Connection, id: string, record: StoryRecord): Promise<void> {
  if (isLeaseId(id)) tellLease(shell, id, record);
  else await tellRequest(shell, connection, record);
  for (const lack of record.lacking) shell.err(`not to be seen with this token: ${plain(lack)}`);
}

function tellLease(shell: Shell, id: string, { lease, events, at }: StoryRecord): void {
  const story = lease ? leaseStory(lease, events, at) : storyFromLog(id, events, at);
  const timeline = withoutManyCalls(events);
  const table = timeline.length > 0 ? ['', eventsText(timeline, at)] : [];
  shell.out([...story, ...callsStory(events, at), ...table].join('\n'));
  if (timeline.length < events.length)
    shell.err(`the latest tool calls alone stand here: mayfly audit --lease ${id} --all has all of them`);
}

/** And of a request that brought a credential, what became of that. */
async function tellRequest(shell: Shell, connection: Connection, { events, at }: StoryRecord): Promise<void> {
  shell.out(
    withoutManyCalls(events)
      .map((event) => requestStory(event, at).join('\n'))
      .join('\n\n'),
  );
  const issued = events.find(({ action, outcome }) => outcome === 'permitted' && BRINGS_ONE.has(action));
  if (issued?.lease_id === undefined) return;
  const record = await leaseRecord(connection, issued.lease_id);
  shell.out('');
  tellLease(shell, issued.lease_id, record);
}

const BRINGS_ONE: ReadonlySet<string> = new Set(['token.exchange', 'lease.renew']);

function nothingKnown(id: string, { lacking }: StoryRecord): Failure {
  const lines = lacking.map((lack) => `  ${lack}`);
  return new Failure(EXIT.notFound, `nothing is on record of ${id}, or not for you`, [
    ...lines,
    '  it may be of another broker, or older than audit_retention',
  ]);
}
