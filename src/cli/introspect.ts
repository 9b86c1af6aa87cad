// `mayfly introspect`: whether a credential is alive at this moment (RFC 7662).
import type { Command } from 'commander';
import { type BrokerOptions, brokerCommand, connect, show } from './broker-command.js';
import { shownCredential } from './shown-credential.js';
import type { Shell } from './shell.js';
import { facts } from './table.js';

export function addIntrospect(program: Command, shell: Shell): void {
  brokerCommand(
    program,
    'introspect <file>',
    'whether a credential is alive (verifier, operator); - for standard input',
  ).action(async (file: string, options: BrokerOptions) => {
    const token = await shownCredential(file, shell);
    const said = await connect(options, shell).client.introspect(token);
    show(shell, options, said, (claims) =>
      facts(Object.entries(claims).map(([name, value]) => [name, valueText(value)])),
    );
  });
}

const valueText = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
