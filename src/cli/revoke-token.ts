// `mayfly revoke-token`: gives a credential back by showing it (RFC 7009).
import type { Command } from 'commander';
import { type BrokerOptions, brokerCommand, connect, jsonText } from './broker-command.js';
import { shownCredential } from './shown-credential.js';
import type { Shell } from './shell.js';

export function addRevokeToken(program: Command, shell: Shell): void {
  brokerCommand(
    program,
    'revoke-token <file>',
    'give a credential of yours back by showing it; - for standard input',
  ).action(async (file: string, options: BrokerOptions) => {
    const token = await shownCredential(file, shell);
    await connect(options, shell).client.revokeToken(token);
    // RFC 7009 §2.2: what is unknown or another's is left alone, and that is not told.
    if (options.json) shell.out(jsonText({ given_back: true }));
    else shell.err('given back: if it was yours, it is dead');
  });
}
