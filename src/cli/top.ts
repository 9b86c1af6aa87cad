// `mayfly top`: what happens at a broker, live in the terminal.
import { type Command, Option } from 'commander';
import { parseDuration } from '../domain/duration.js';
import { duration } from './arguments.js';
import { type BrokerOptions, brokerCommand, connect, jsonText } from './broker-command.js';
import type { Shell } from './shell.js';
import type { Reading } from './top/reading.js';

interface TopOptions extends BrokerOptions {
  readonly every: string;
  readonly once?: true;
}

/** In the form of the contract: names in snake_case, times as texts. */
const documentOf = ({
  at,
  ready,
  why,
  tasks,
  agents,
  live,
  revoking,
  quarantines,
  kills,
  refusals,
  rates,
  ...more
}: Reading) => ({
  at: new Date(at).toISOString(),
  ready,
  ...(why !== undefined && { why }),
  open_tasks: tasks,
  more_open_tasks: more.moreTasks,
  agents,
  live_leases: live,
  more_live_leases: more.moreLive,
  settling: revoking ?? null,
  more_settling: more.moreRevoking,
  quarantines,
  kills,
  refusals,
  per_second: rates
    ? { issued: rates.issued, refused: rates.refused, kills: rates.kills, at_least: rates.atLeast }
    : null,
});

/** Of a frame that no terminal bounds. */
const UNBOUNDED = { columns: 240, rows: 200 };

export function addTop(program: Command, shell: Shell): void {
  brokerCommand(program, 'top', 'what happens at a broker, live; q quits (operator, auditor)')
    .addOption(new Option('--every <duration>', 'how often it is read').argParser(duration).default('2s'))
    .option('--once', 'print one frame; what is done anyway in a pipe')
    .action(async (options: TopOptions) => {
      // Only now: no other command needs these parts.
      const [{ Gauge }, { frame }, { showLive }] = await Promise.all([
        import('./top/reading.js'),
        import('./top/frame.js'),
        import('./top/live.js'),
      ]);
      const connection = connect(options, shell);
      const { url } = connection.client;
      const gauge = new Gauge(connection.client, () => connection.now());
      if (options.json) return shell.out(jsonText(documentOf(await gauge.read())));
      if (!options.once && shell.outputIsTerminal) return showLive(gauge, url, parseDuration(options.every)!);
      const view = { url, ...UNBOUNDED, colours: false, sort: 'leases', paused: false, keys: false } as const;
      return shell.out(
        frame(await gauge.read(), view)
          .join('\n')
          .trimEnd(),
      );
    });
}
