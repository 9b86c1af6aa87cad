// The seal key of a developer who has set none: made once, kept beside the database, and warned about.
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { isLoopback } from '../domain/loopback.js';
import { Secret } from '../domain/secret.js';
import { SEAL_KEY_BYTES, SealError } from './seal.js';

export interface DevelopmentSealKeyOptions {
  readonly issuer: string;
  readonly store: { readonly path: string };
}

/** @throws SealError unless the broker is for this machine only. */
export function developmentSealKeys(
  { issuer, store }: DevelopmentSealKeyOptions,
  log: { warn(facts: object, message: string): void },
): Secret[] {
  if (!isLoopback(new URL(issuer).hostname)) {
    throw new SealError(
      'MAYFLY_SEAL_KEY is not set: give 32 random bytes in base64, as `openssl rand -base64 32` makes them',
    );
  }
  const file = `${store.path}.seal-key`;
  if (!existsSync(file)) {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(file, `${randomBytes(SEAL_KEY_BYTES).toString('base64')}\n`, { mode: 0o600, flag: 'wx' });
  }
  log.warn(
    { file },
    'MAYFLY_SEAL_KEY is not set: sealing with a key that lies beside the database, for development only',
  );
  return [new Secret(readFileSync(file, 'utf8').trim())];
}
