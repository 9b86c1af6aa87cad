// `mayfly feed`: what verifiers are told now, how old that is, and whether a certain kill is among it.
import type { Command } from 'commander';
import type { FeedEntry } from '../domain/feed.js';
import { selectorDigest } from '../domain/feed.js';
import { SELECTOR_KINDS, type SelectorKind } from '../domain/selector.js';
import type { FeedSnapshot } from '../wire/feed.js';
import { type BrokerOptions, brokerCommand, connect, show } from './broker-command.js';
import { EXIT, Failure, usage } from './failure.js';
import { selectorIn } from './revoke.js';
import type { Shell } from './shell.js';
import { facts } from './table.js';
import { when } from './time.js';

interface FeedOptions extends BrokerOptions, Partial<Record<Exclude<SelectorKind, 'all'>, string>> {
  readonly all?: true;
}

/** What a broker says of itself in each part. Read, and not verified: it came from the broker that we asked. */
interface Part {
  readonly iss: string;
  readonly entries: readonly FeedEntry[];
}

export function addFeed(program: Command, shell: Shell): void {
  brokerCommand(
    program,
    'feed',
    'the kills that verifiers are told of; with a selector: whether it is among them',
  )
    .option('--lease <id>', 'one credential')
    .option('--task <id>', 'a task; a kill of one above it has a selector of its own')
    .option('--agent <name>', 'an agent')
    .option('--tool <name>', 'a tool')
    .option('--trust <name>', 'a trusted issuer')
    .option('--key <kid>', 'a signing key')
    .option('--all', 'everything')
    .action((options: FeedOptions) => feed(options, shell));
}

async function feed(options: FeedOptions, shell: Shell): Promise<void> {
  const asked = SELECTOR_KINDS.some((kind) => options[kind] !== undefined);
  const selector = asked ? selectorIn(options) : undefined;
  const connection = connect(options, shell);
  const snapshot = await connection.client.readRevocations();
  const parts = snapshot.parts.map(partIn);
  const entries = parts.flatMap((part) => part.entries);
  const told = { ...withoutParts(snapshot), kills: entries.length };
  if (!selector) {
    show(shell, options, told, ({ as_of: asOf, version, kills }) =>
      facts([
        ['kills', String(kills)],
        ['as of', when(timeOf(asOf), connection.now())],
        ['changes told by this broker', String(version)],
      ]),
    );
    return;
  }
  const name = options[selector.kind];
  const digest = selectorDigest(parts[0]!.iss, { kind: selector.kind, name: name === true ? '' : name! });
  const found = entries.filter(([one]) => one === digest);
  show(shell, options, { ...told, digest, told: found.length > 0 }, () =>
    facts([
      ['digest', digest],
      ['told', found.length > 0 ? 'yes' : 'no'],
      [
        'until',
        found.length > 0
          ? when(timeOf(Math.max(...found.map(([, , moot]) => moot))), connection.now())
          : undefined,
      ],
    ]),
  );
  if (found.length === 0)
    throw new Failure(
      EXIT.refused,
      'the feed does not tell of it: nothing is killed by it, or all of it has ended',
    );
}

const withoutParts = ({ parts: _parts, ...rest }: FeedSnapshot): Omit<FeedSnapshot, 'parts'> => rest;

function partIn(token: string): Part {
  const [, payload = ''] = token.split('.');
  try {
    return JSON.parse(Buffer.from(payload, 'base64url').toString()) as Part;
  } catch {
    throw usage('what answers there is no Mayfly broker: its feed cannot be read');
  }
}

/** RFC 3339. Not by the wire's schemas, which every command would have to load. */
const timeOf = (ms: number): string => new Date(ms).toISOString();
