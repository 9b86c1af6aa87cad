// `mayfly verifier list`: who reads the revocation feed, and who has applied a kill.
import { type Command, InvalidArgumentError } from 'commander';
import type { VerifierList } from '../wire/feed.js';
import { type BrokerOptions, brokerCommand, connect, show } from './broker-command.js';
import { plain } from './plain.js';
import type { Shell } from './shell.js';
import { table } from './table.js';
import { when } from './time.js';

interface VerifierOptions extends BrokerOptions {
  readonly since?: string;
}

export function addVerifier(program: Command, shell: Shell): void {
  const verifier = program
    .command('verifier')
    .description('tools that are told of kills (operator, auditor)');
  brokerCommand(
    verifier,
    'list',
    'who reads the feed, and with --since who has applied every kill until then',
  )
    .option('--since <time>', 'the `at` of a kill, as `mayfly revoke --json` tells it', moment)
    .action(async (options: VerifierOptions) => {
      const { since } = options;
      const connection = connect(options, shell);
      const list = await connection.client.listVerifiers(since === undefined ? {} : { since });
      if (!options.json && list.connected === 0) shell.err(NOBODY);
      else show(shell, options, list, (all) => verifiersText(all, connection.now()));
    });
}

const NOBODY = 'no verifier reads the feed: tools that check credentials offline are told of nothing';

const verifiersText = ({ verifiers, applied, connected }: VerifierList, now: number): string => {
  const rows = verifiers.map((one) => [
    plain(one.principal),
    String(one.connected),
    ...(applied === undefined ? [] : [String(one.applied ?? 0)]),
    one.oldest === undefined ? 'has not said' : when(one.oldest, now),
  ]);
  const heads = ['verifier', 'streams', ...(applied === undefined ? [] : ['applied']), 'goes by all until'];
  const sum = applied === undefined ? '' : `\n${applied} of ${connected} have applied it`;
  return `${table(heads, rows)}${sum}`;
};

function moment(written: string): string {
  if (/^\d{4}-\d{2}-\d{2}T/.test(written) && !Number.isNaN(Date.parse(written))) return written;
  throw new InvalidArgumentError('A time as the broker writes it: 2026-03-01T09:30:00.000Z.');
}
