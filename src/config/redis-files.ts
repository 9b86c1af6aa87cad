// Reads what a Redis store names and the file itself must not hold: passwords, authorities, our own certificate.
import type { Secret } from '../domain/secret.js';
import type { StoreDraft } from './draft.js';
import type { Environment } from './environment.js';
import type { Path } from './mistakes.js';
import { namedParts, passwordIn } from './named-parts.js';
import { certificatesIn, keyIn } from './pem.js';

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
  const { from, inFile, inEnvironment } = namedParts(['store'], folder, environment, say);
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
