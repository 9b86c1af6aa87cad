// How an issued credential reaches whoever asked: a pipe, a file of one's own, and a terminal only on demand.
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import type { Command } from 'commander';
import type { TokenResponse } from '../wire/token.js';
import { jsonText } from './broker-command.js';
import type { Connection } from './connection.js';
import { EXIT, Failure, usage } from './failure.js';
import { plain } from './plain.js';
import type { Shell } from './shell.js';
import { facts } from './table.js';
import { when } from './time.js';

export interface CredentialOptions {
  readonly raw?: true;
  readonly out?: string;
  readonly json?: true;
}

export const withDelivery = (command: Command): Command =>
  command
    .option('--raw', 'print the credential alone, also on a terminal; what is done anyway in a pipe')
    .option('--out <file>', 'write the credential to a file for you alone, and print what is known of it');

/** Issues and delivers. Where the credential shall go is settled first: one that nobody gets is a risk for nothing. */
export async function deliver(
  shell: Shell,
  options: CredentialOptions,
  connection: Pick<Connection, 'now'>,
  issue: () => Promise<TokenResponse>,
): Promise<void> {
  const { raw, out, json } = options;
  if ([raw, out, json].filter((one) => one !== undefined).length > 1) {
    throw usage('give one of --raw, --out and --json');
  }
  if (out !== undefined) return deliverToFile(shell, out, connection, issue);
  if (!raw && !json && shell.outputIsTerminal) {
    throw usage('this would print a credential on your terminal: say --raw, write it with --out, or pipe it');
  }
  const issued = await issue();
  if (json) shell.out(jsonText(issued));
  else shell.out(shell.outputIsTerminal ? plain(issued.access_token) : issued.access_token);
}

/** Written beside its place and then moved there: never half, and never with the permissions of an older file. */
async function deliverToFile(
  shell: Shell,
  path: string,
  connection: Pick<Connection, 'now'>,
  issue: () => Promise<TokenResponse>,
): Promise<void> {
  const beside = `${path}.${randomBytes(6).toString('hex')}`;
  const file = await openOwn(beside, path);
  try {
    const issued = await issue();
    await file.writeFile(`${issued.access_token}\n`);
    await file.close();
    await rename(beside, path);
    shell.out(issuedText(issued, connection.now()));
  } finally {
    await file.close();
    await rm(beside, { force: true });
  }
}

async function openOwn(beside: string, path: string): Promise<FileHandle> {
  try {
    return await open(beside, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  } catch (error) {
    throw new Failure(EXIT.usage, `${path} cannot be written (${(error as NodeJS.ErrnoException).code})`);
  }
}

/** What is known of a credential, without it. */
const issuedText = (issued: TokenResponse, now: number): string =>
  facts([
    ['lease', issued.lease_id],
    ['task', issued.task_id],
    ['type', `${issued.token_type} ${issued.issued_token_type}`],
    ['scope', issued.scope],
    ['details', issued.authorization_details && JSON.stringify(issued.authorization_details)],
    ['single use', issued.single_use && 'yes: good once, for a tool that asks the broker'],
    ['expires', when(new Date(now + issued.expires_in * 1000).toISOString(), now)],
    ['revocation', issued.revocation],
  ]);
