// Reads what a Redis store names and the file itself must not hold: passwords, authorities, our own certificate.
import { resolve } from 'node:path';
import { Secret } from '../domain/secret.js';
import type { StoreDraft } from './draft.js';
import { type Environment, namedSecret } from './environment.js';
import type { Path } from './mistakes.js';
import { Flaw, certificatesIn, keyIn, textOf } from './pem.js';

export interface RedisFiles {
  readonly password?: Secret;
  readonly sentinelPassword?: Secret;
  readonly ca?: string;
  readonly certificate?: string;
  readonly key?: Secret;
}

/** Reads all of it, and says of each part what is wrong with it. */
export async function readRedisFiles(
  store: StoreDraft,
  folder: string,
  environment: Environment | undefined,
  say: (path: Path, message: string) => void,
): Promise<RedisFiles> {
  const tls = typeof store.tls === 'object' ? store.tls : {};
  const from = async <Read>(
    path: Path,
    name: string | undefined,
    read: (name: string) => Read | Promise<Read>,
  ): Promise<Read | undefined> => {
    if (name === undefined) return undefined;
    try {
      return await read(name);
    } catch (error) {
      if (!(error instanceof Flaw)) throw error;
      say(['store', ...path], error.message);
      return undefined;
    }
  };
  const inFile = <Read>(read: (text: string) => Read) => {
    return async (file: string): Promise<Read> => read(await textOf(resolve(folder, file)));
  };
  const inEnvironment = (name: string): Secret => {
    const secret = namedSecret(name, environment);
    if (secret === undefined) throw new Flaw('names a variable that is not set');
    return secret;
  };

  const password =
    (await from(['password_file'], store.password_file, inFile(passwordIn))) ??
    (await from(['password_env'], store.password_env, inEnvironment));
  const sentinelPassword =
    (await from(['sentinel_password_file'], store.sentinel_password_file, inFile(passwordIn))) ??
    (await from(['sentinel_password_env'], store.sentinel_password_env, inEnvironment));
  const ca = await from(['tls', 'ca_file'], tls.ca_file, inFile(certificatesIn));
  const certificate = await from(['tls', 'certificate_file'], tls.certificate_file, inFile(certificatesIn));
  const key = await from(
    ['tls', 'key_file'],
    tls.key_file,
    inFile((text) => keyIn(text, certificate)),
  );
  return {
    ...(password && { password }),
    ...(sentinelPassword && { sentinelPassword }),
    ...(ca !== undefined && { ca }),
    ...(certificate !== undefined && { certificate }),
    ...(key && { key }),
  };
}

/** Editors and `echo` end a file with a line break; more than one line is a file of something else. */
function passwordIn(text: string): Secret {
  const password = text.replace(/\r?\n$/, '');
  if (password === '') throw new Flaw('is empty');
  if (/[\r\n]/.test(password))
    throw new Flaw('has more than one line: it must hold the password and nothing else');
  return new Secret(password);
}
