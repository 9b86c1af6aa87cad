// Reads what the credentials of the tools name and the file itself must not hold: passwords, keys, authorities.
import type { Secret } from '../../domain/secret.js';
import type { Draft } from '../draft.js';
import type { Environment } from '../environment.js';
import type { Path } from '../mistakes.js';
import { namedParts, passwordIn } from '../named-parts.js';
import { certificatesIn } from '../pem.js';
import type { AwsStsDraft, PostgresDraft } from './draft.js';

export interface CredentialFiles {
  readonly password?: Secret;
  readonly ca?: string;
  readonly secretAccessKey?: Secret;
  readonly sessionToken?: Secret;
}

type Parts = ReturnType<typeof namedParts>;

/** By the tool's name. Reads all of it, and says of each part what is wrong with it. */
export async function readCredentialFiles(
  { tools }: Pick<Draft, 'tools'>,
  folder: string,
  environment: Environment | undefined,
  say: (path: Path, message: string) => void,
): Promise<ReadonlyMap<string, CredentialFiles>> {
  const files = new Map<string, CredentialFiles>();
  for (const { name, credential } of tools) {
    const parts = namedParts(['tools', name, 'credential'], folder, environment, say);
    if (credential.kind === 'postgres') files.set(name, await ofPostgres(credential, parts));
    if (credential.kind === 'aws-sts') files.set(name, await ofAwsSts(credential, parts));
  }
  return files;
}

async function ofPostgres(
  { tls, password_file: file, password_env: variable }: PostgresDraft,
  { from, inFile, inEnvironment }: Parts,
): Promise<CredentialFiles> {
  const password =
    (await from(['password_file'], file, inFile(passwordIn))) ??
    (await from(['password_env'], variable, inEnvironment));
  const caFile = typeof tls === 'object' ? tls.ca_file : undefined;
  const ca = await from(['tls', 'ca_file'], caFile, inFile(certificatesIn));
  return { ...(password && { password }), ...(ca !== undefined && { ca }) };
}

async function ofAwsSts(
  credential: AwsStsDraft,
  { from, inFile, inEnvironment }: Parts,
): Promise<CredentialFiles> {
  const secret = async (name: 'secret_access_key' | 'session_token'): Promise<Secret | undefined> =>
    (await from([`${name}_file`], credential[`${name}_file`], inFile(passwordIn))) ??
    (await from([`${name}_env`], credential[`${name}_env`], inEnvironment));
  const secretAccessKey = await secret('secret_access_key');
  const sessionToken = await secret('session_token');
  return { ...(secretAccessKey && { secretAccessKey }), ...(sessionToken && { sessionToken }) };
}
