// `mayfly dpop-key`: keys that credentials are bound to (RFC 9449), made into files and known by their thumbprints.
import type { Command } from 'commander';
import { type DpopKey, newDpopJwk } from '../sdk/client/index.js';
import { jsonText } from './broker-command.js';
import { usage } from './failure.js';
import { readKeyFile, writeKeyFile } from './key-file.js';
import type { Shell } from './shell.js';

interface KeyOptions {
  readonly json?: true;
}

const JSON_OPTION = ['--json', 'for programs: the thumbprint and the public key; errors too'] as const;

export function addDpopKey(program: Command, shell: Shell): void {
  const keys = program.command('dpop-key').description('keys that credentials are bound to (agent)');
  keys
    .command('new <file>')
    .description('make a key into a file for you alone, and print its thumbprint')
    .option(...JSON_OPTION)
    .action(async (file: string, options: KeyOptions) => {
      writeKeyFile(file, await newDpopJwk());
      tell(shell, options, await readKeyFile(file));
    });
  keys
    .command('show [file]')
    .description('print the thumbprint of a key, which is no secret')
    .option(...JSON_OPTION)
    .action(async (file: string | undefined, options: KeyOptions) => {
      const path = file ?? shell.environment.dpopKeyFile;
      if (path === undefined) throw usage('name a file, or set MAYFLY_DPOP_KEY_FILE');
      tell(shell, options, await readKeyFile(path));
    });
}

const tell = (shell: Shell, { json }: KeyOptions, { thumbprint, publicJwk }: DpopKey): void =>
  shell.out(json ? jsonText({ thumbprint, jwk: publicJwk }) : thumbprint);
