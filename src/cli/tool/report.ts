// `mayfly tool report`: puts a call of a tool on record, for a tool that has no SDK of ours.
import { randomUUID } from 'node:crypto';
import { Argument, type Command, Option } from 'commander';
import { CALL_REFUSALS, type CallRefusal } from '../../domain/call-refusal.js';
import { given } from '../arguments.js';
import { type BrokerOptions, brokerCommand, connect, show } from '../broker-command.js';
import type { Shell } from '../shell.js';

const OUTCOMES = ['accepted', 'refused'] as const;
type Outcome = (typeof OUTCOMES)[number];

interface ReportOptions extends BrokerOptions {
  readonly action?: string;
  readonly resource?: string;
  readonly reason?: CallRefusal;
  readonly lease?: string;
  readonly task?: string;
  readonly agent?: string;
  readonly batch?: string;
}

export function addToolReport(tool: Command, shell: Shell): void {
  brokerCommand(
    tool,
    'report <name>',
    'put on record that a call of a tool was accepted, or refused (verifier)',
  )
    .addArgument(new Argument('<outcome>').choices(OUTCOMES))
    .option('--action <name>', 'what was to be done')
    .option('--resource <name>', 'and to what')
    .addOption(new Option('--reason <name>', 'why it was refused').choices(CALL_REFUSALS))
    .option('--lease <id>', 'of the credential that was shown')
    .option('--task <id>', 'that the credential is for')
    .option('--agent <name>', 'whose credential it is')
    .option('--batch <name>', 'sent again under the same name, it is recorded once')
    .action(async (name: string, outcome: Outcome, options: ReportOptions) => {
      const { action, resource, reason, lease, task, agent, batch = randomUUID() } = options;
      const connection = connect(options, shell);
      const call = { at: new Date(connection.now()).toISOString(), tool: name, outcome };
      const facts = given({ action, resource, reason, lease, task, agent });
      const reported = await connection.client.reportToolCalls({ batch, calls: [{ ...call, ...facts }] });
      show(shell, options, reported, ({ recorded }) =>
        recorded === 0 ? 'it was on record before' : 'it is on record',
      );
    });
}
