// `mayfly policy explain`: why one request is decided as it is, and what would have to be otherwise.
import { isRequestId } from '../../domain/ids.js';
import { nearest } from '../../domain/nearest.js';
import { cedarPolicy } from '../../policy/cedar/cedar-policy.js';
import type { RecordedRequest } from '../../policy/cedar/request.js';
import { connect, jsonText } from '../broker-command.js';
import { EXIT, Failure, usage } from '../failure.js';
import { plain } from '../plain.js';
import type { Shell } from '../shell.js';
import type { ExplainOptions } from './options.js';
import { atHand, placeText } from './at-hand.js';
import type { AtHand } from './at-hand.js';
import { readCases } from './case-files.js';
import { inputOf } from './case-input.js';
import { explanationOf, explanationText } from './explanation.js';
import type { RecordedDecision } from './recorded.js';
import { recordedDecision } from './recorded.js';

interface Explained {
  /** What it is called: a case, or an event of the record. */
  readonly of: string;
  readonly request: RecordedRequest;
  /** What came of it then. */
  readonly recorded?: RecordedDecision;
}

export async function explain(
  files: readonly string[],
  options: ExplainOptions,
  shell: Shell,
): Promise<void> {
  const at = await atHand(options, shell);
  const explained =
    options.request === undefined
      ? [await caseNamed(options.case!, files, at)]
      : await decisionsOf(options.request, options, shell);
  const documents = explained.map(({ of, request, recorded }) => ({
    of,
    ...(recorded && { recorded: { decision: recorded.effect, determining: recorded.determining } }),
    ...explanationOf(at, request),
  }));
  if (options.json)
    shell.out(jsonText({ decisions: documents.map(({ line: _forPeople, ...document }) => document) }));
  else shell.out(documents.map(explanationText).join('\n\n'));
}

async function caseNamed(name: string, files: readonly string[], at: AtHand): Promise<Explained> {
  const cases = await readCases(files, at);
  const [found, ...more] = cases.filter((one) => one.name === name);
  if (!found) {
    const meant = nearest(
      name,
      cases.map((one) => one.name),
    );
    const hint = meant === undefined ? '' : `: did you mean ${JSON.stringify(plain(meant))}?`;
    throw new Failure(EXIT.notFound, `there is no case called ${JSON.stringify(plain(name))}${hint}`);
  }
  if (more.length > 0)
    throw usage(
      `${[found, ...more].map(({ file }) => plain(file)).join(' and ')} have a case of that name: name one`,
    );
  const policy = cedarPolicy(at.loaded.set, at.catalogue, at.digest);
  const { input } = policy.decide(inputOf(found, at.catalogue));
  return { of: `${found.name} (${placeText(found)})`, request: input as RecordedRequest };
}

const MOST_EVENTS = 200;

/** Of one request there may be several: each credential that was asked for at once is a decision. */
async function decisionsOf(id: string, options: ExplainOptions, shell: Shell): Promise<Explained[]> {
  if (!isRequestId(id)) throw usage(`${plain(id)} is no request id (req_…)`);
  const { events } = await connect(options, shell).client.readAudit({ request: id, limit: MOST_EVENTS });
  const decisions = events.toReversed().flatMap((event) => {
    const recorded = recordedDecision(event);
    if (recorded === 'unreadable')
      throw new Failure(
        EXIT.refused,
        `what is on record of ${id} cannot be read: the broker has another version`,
      );
    return recorded ?? [];
  });
  if (decisions.length === 0) throw noDecision(id, events.length);
  return decisions.map((recorded) => ({
    of: `${recorded.event.action} of ${recorded.event.at}, request ${id}`,
    request: recorded.request,
    recorded,
  }));
}

function noDecision(id: string, events: number): Failure {
  return events === 0
    ? new Failure(EXIT.notFound, `nothing is on record of ${id}, or not for you`)
    : new Failure(EXIT.notFound, `policies decided nothing in ${id}`, [
        `  \`mayfly why ${id}\` tells what did`,
      ]);
}
