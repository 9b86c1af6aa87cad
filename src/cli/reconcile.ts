// `mayfly reconcile`: what targets hold under our names against what is on record; whatever has no live lease is killed.
import type { Command } from 'commander';
import type { ReconciliationView } from '../wire/reconciliation.js';
import { type BrokerOptions, brokerCommand, connect, show } from './broker-command.js';
import { EXIT, Failure } from './failure.js';
import type { Shell } from './shell.js';
import { table } from './table.js';

interface ReconcileOptions extends BrokerOptions {
  readonly tool?: string;
}

export function addReconcile(program: Command, shell: Shell): void {
  brokerCommand(
    program,
    'reconcile',
    'compare targets with what is on record, and kill what has no live lease (operator)',
  )
    .option('--tool <name>', 'this one alone')
    .action(async (options: ReconcileOptions) => {
      const { tool } = options;
      const { client } = connect(options, shell);
      const view = await client.reconcile(tool === undefined ? {} : { tool });
      if (!options.json && view.targets.length === 0) shell.err(NOTHING);
      else show(shell, options, view, targetsText);
      const errors = view.targets.flatMap(({ tool: name, error }) =>
        error === undefined ? [] : [`  ${name}: ${error}`],
      );
      if (view.targets.some(isUnfinished))
        throw new Failure(EXIT.refused, 'something may be alive that has no live lease', errors);
    });
}

const NOTHING = 'no credential of these tools is at a target that can be asked what it holds';

type Target = ReconciliationView['targets'][number];

/** Something may be alive that should not be: a script has to notice. */
const isUnfinished = ({ orphans, killed, error }: Target): boolean => killed < orphans || error !== undefined;

const targetsText = ({ targets }: ReconciliationView): string =>
  table(
    ['tool', 'listed', 'orphans', 'killed', 'failed', 'missing', 'undone', 'result'],
    targets.map((target) => {
      const { tool, listed = '-', orphans, killed, failed, missing, undone } = target;
      return [tool, ...[listed, orphans, killed, failed, missing, undone].map(String), resultOf(target)];
    }),
  );

function resultOf({ listed, orphans, killed, missing, undone, error }: Target): string {
  if (error !== undefined) return 'could not be done';
  if (killed < orphans) return 'orphans are left';
  if (undone > 0) return 'kills were undone; in force again';
  // Its target cannot be listed: what it holds of ours beside credentials was looked after.
  if (listed === undefined) return 'put right';
  return orphans + missing === 0 ? 'as on record' : 'differed';
}
