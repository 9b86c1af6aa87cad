// `mayfly aws`: credentials of AWS in the forms that its SDKs and its command line take.
import type { Command } from 'commander';
import { MayflyError } from '../sdk/client/index.js';
import { type BrokerOptions, brokerCommand, connect, jsonText } from './broker-command.js';
import { failureOf } from './connection.js';
import { Failure, usage } from './failure.js';
import type { Shell } from './shell.js';

interface CredentialProcessOptions extends BrokerOptions {
  readonly task: string;
  readonly tool: string;
}

/** Of the document that AWS documents for `credential_process`; there is no other. */
const VERSION = 1;

export function addAws(program: Command, shell: Shell): void {
  const aws = program.command('aws').description('credentials of AWS, for its SDKs and its command line');
  brokerCommand(aws, 'credential-process', 'what credential_process of a profile calls (agent), as JSON')
    .requiredOption('--task <id>', 'the task that they are for and die with')
    .requiredOption('--tool <name>', 'the tool that they open')
    .action(async (options: CredentialProcessOptions) => {
      if (!options.json && shell.outputIsTerminal)
        throw usage('this would print a credential on your terminal: say --json, or pipe it');
      const { client } = connect(options, shell);
      const held = await oneLine(shell, client.awsCredentials(options.task, options.tool));
      const { AccessKeyId, SecretAccessKey, Token: SessionToken, Expiration } = held;
      shell.out(jsonText({ Version: VERSION, AccessKeyId, SecretAccessKey, SessionToken, Expiration }));
    });
}

/** SDKs show what was said on standard error as one text, in the middle of what they say themselves. */
async function oneLine<Answer>({ called }: Shell, answer: Promise<Answer>): Promise<Answer> {
  try {
    return await answer;
  } catch (error) {
    if (!(error instanceof MayflyError)) throw error;
    const { exit, message, facts } = failureOf(error, called);
    const { requestId, detail } = error;
    const said = [message, detail, requestId && `(${requestId})`].filter(Boolean).join(' ');
    throw new Failure(exit, said, [], facts);
  }
}
