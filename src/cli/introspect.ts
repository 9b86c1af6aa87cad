// `mayfly introspect`: whether a credential is alive at this moment (RFC 7662).
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { type BrokerOptions, brokerCommand, connect, show } from './broker-command.js';
import { usage } from './failure.js';
import type { Shell } from './shell.js';
import { facts } from './table.js';

type Introspected = { readonly active: boolean } & Readonly<Record<string, unknown>>;

export function addIntrospect(program: Command, shell: Shell): void {
  brokerCommand(
    program,
    'introspect <file>',
    'whether a credential is alive (verifier, operator); - for standard input',
  ).action(async (file: string, options: BrokerOptions) => {
    const token = (file === '-' ? await shell.input() : readCredential(file)).trim();
    const answer = await connect(options, shell).postForm<Introspected>('/introspect', { token });
    show(shell, options, answer, (claims) =>
      facts(Object.entries(claims).map(([name, value]) => [name, valueText(value)])),
    );
  });
}

const valueText = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

/** Never as an argument: those are seen by everybody on the machine. */
function readCredential(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw usage(`${file} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}
