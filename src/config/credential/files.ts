// Reads what the credentials of the tools name and the file itself must not hold: passwords, authorities.
import type { Secret } from '../../domain/secret.js';
import type { Draft } from '../draft.js';
import type { Environment } from '../environment.js';
import type { Path } from '../mistakes.js';
import { namedParts, passwordIn } from '../named-parts.js';
import { certificatesIn } from '../pem.js';

export interface CredentialFiles {
  readonly password?: Secret;
  readonly ca?: string;
}

/** By the tool's name. Reads all of it, and says of each part what is wrong with it. */
export async function readCredentialFiles(
  { tools }: Pick<Draft, 'tools'>,
  folder: string,
  environment: Environment | undefined,
  say: (path: Path, message: string) => void,
): Promise<ReadonlyMap<string, CredentialFiles>> {
  const files = new Map<string, CredentialFiles>();
  for (const { name, credential } of tools) {
    if (credential.kind !== 'postgres') continue;
    const at = ['tools', name, 'credential'];
    const { from, inFile, inEnvironment } = namedParts(at, folder, environment, say);
    const tls = typeof credential.tls === 'object' ? credential.tls : {};
    const password =
      (await from(['password_file'], credential.password_file, inFile(passwordIn))) ??
      (await from(['password_env'], credential.password_env, inEnvironment));
    const ca = await from(['tls', 'ca_file'], tls.ca_file, inFile(certificatesIn));
    files.set(name, { ...(password && { password }), ...(ca !== undefined && { ca }) });
  }
  return files;
}
