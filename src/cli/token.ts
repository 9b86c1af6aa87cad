// `mayfly token`: exchanges the agent's workload token for a credential of one task and one tool (RFC 8693).
import type { Command } from 'commander';
import { parseDuration } from '../domain/duration.js';
import { AUTHORIZATION_DETAIL_TYPE } from '../domain/grant.js';
import type { ExchangeRequest } from '../sdk/client/index.js';
import { collect, duration } from './arguments.js';
import { type BrokerOptions, brokerCommand, connect } from './broker-command.js';
import { type CredentialOptions, deliver, withDelivery } from './credential.js';
import type { Shell } from './shell.js';

interface TokenOptions extends BrokerOptions, CredentialOptions {
  readonly task: string;
  readonly tool: string;
  readonly scope?: string;
  readonly resource?: readonly string[];
  readonly ttl?: string;
}

export function addToken(program: Command, shell: Shell): void {
  withDelivery(brokerCommand(program, 'token', 'a credential for one task and one tool (agent)'))
    .requiredOption('--task <id>', 'the task that it is for and dies with')
    .requiredOption('--tool <name>', 'the tool that it opens')
    .option('--scope <actions>', "actions, with spaces between them: 'read write'; all that the task has")
    .option('--resource <name>', 'only on this; may be repeated', collect)
    .option('--ttl <duration>', 'how long it shall live at most: 5m', duration)
    .action(async (options: TokenOptions) => {
      const connection = connect(options, shell);
      await deliver(shell, options, connection, () => connection.client.exchange(exchangeOf(options)));
    });
}

/** What is asked for, as it goes to the broker. */
export function exchangeOf(
  asked: Pick<TokenOptions, 'task' | 'tool' | 'scope' | 'resource' | 'ttl'>,
): ExchangeRequest {
  const { task, tool, scope, resource, ttl } = asked;
  const details = resource && [{ type: AUTHORIZATION_DETAIL_TYPE, resources: resource }];
  return {
    task_id: task,
    audience: tool,
    ...(scope !== undefined && { scope }),
    ...(details && { authorization_details: details }),
    ...(ttl !== undefined && { requested_expiry: Math.floor(parseDuration(ttl)! / 1000) }),
  };
}
