// `mayfly task credentials`: several credentials of one task in one call, for a program that takes them on.
import { type Command, InvalidArgumentError } from 'commander';
import { AUTHORIZATION_DETAIL_TYPE } from '../../domain/grant.js';
import type { CredentialsRequest } from '../../wire/credentials.js';
import { type BrokerOptions, brokerCommand, connect, jsonText } from '../broker-command.js';
import { EXIT, Failure, usage } from '../failure.js';
import type { Shell } from '../shell.js';

type Wanted = CredentialsRequest['credentials'][number];

const FORM =
  'A tool, its actions and resources where they are fewer than the task has: crm:read@customers/42';

export function addTaskCredentials(task: Command, shell: Shell): void {
  brokerCommand(task, 'credentials <id>', 'several credentials of a task at once (agent), as JSON')
    .requiredOption(
      '--tool <tool[:actions[@resources]]>',
      'one for this tool; may be repeated',
      collectWanted,
    )
    .action(async (id: string, options: BrokerOptions & { readonly tool: readonly Wanted[] }) => {
      if (!options.json && shell.outputIsTerminal)
        throw usage('this would print credentials on your terminal: say --json, or pipe it');
      const { client } = connect(options, shell);
      const answer = await client.issueCredentials(id, options.tool);
      shell.out(jsonText(answer));
      const refused = answer.credentials.filter((one) => 'error' in one).length;
      if (refused > 0)
        throw new Failure(EXIT.refused, `${refused} of ${answer.credentials.length} were not issued`);
    });
}

function collectWanted(written: string, before: readonly Wanted[] = []): readonly Wanted[] {
  const [, tool, actions, resources] = /^([^:@]+)(?::([^@]+))?(?:@(.+))?$/.exec(written) ?? [];
  if (tool === undefined) throw new InvalidArgumentError(FORM);
  const details = resources && [
    { type: AUTHORIZATION_DETAIL_TYPE, resources: resources.split(',') } as const,
  ];
  return [
    ...before,
    {
      audience: tool,
      ...(actions !== undefined && { scope: actions.split(',').join(' ') }),
      ...(details && { authorization_details: details }),
    },
  ];
}
