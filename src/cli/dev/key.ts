// The development key: made once, kept in a file that only its owner can read, and never for production.
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CryptoKey, JWK } from 'jose';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK } from 'jose';
import { EXIT, Failure } from '../failure.js';

export const DEV_ALGORITHM = 'ES256';

export interface DevKey {
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly publicJwk: Readonly<Record<string, unknown>>;
}

const keyFile = (folder: string): string => join(folder, 'dev-key.json');

/** The key of this folder, made now where there is none. */
export async function keptKey(folder: string): Promise<DevKey> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const { privateKey } = await generateKeyPair(DEV_ALGORITHM, { extractable: true });
  const text = `${JSON.stringify(await exportJWK(privateKey))}\n`;
  try {
    writeFileSync(keyFile(folder), text, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EEXIST') throw unusable(folder, `cannot be written (${code})`);
  }
  return readDevKey(folder);
}

export async function readDevKey(folder: string): Promise<DevKey> {
  const jwk = readJwk(folder);
  try {
    const kid = await calculateJwkThumbprint(jwk);
    const privateKey = await importJWK(jwk, DEV_ALGORITHM);
    if (privateKey instanceof Uint8Array || privateKey.type !== 'private') throw new Error('no private key');
    const { kty, crv, x, y } = jwk;
    return { kid, privateKey, publicJwk: { kty, crv, x, y, kid, alg: DEV_ALGORITHM, use: 'sig' } };
  } catch {
    throw unusable(folder, 'holds no ES256 key: take it away, and `mayfly dev` makes a new one');
  }
}

function readJwk(folder: string): JWK {
  const file = keyFile(folder);
  let text: string;
  try {
    // Whoever has it is anybody here, operators included.
    if ((statSync(file).mode & 0o077) !== 0) throw unusable(folder, `is open to others: chmod 600 ${file}`);
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof Failure) throw error;
    const { code } = error as NodeJS.ErrnoException;
    throw unusable(
      folder,
      code === 'ENOENT'
        ? 'is not there: start `mayfly dev` with the same --data first'
        : `cannot be read (${code})`,
    );
  }
  try {
    return JSON.parse(text) as JWK;
  } catch {
    return {};
  }
}

const unusable = (folder: string, why: string): Failure =>
  new Failure(EXIT.configuration, `the development key ${keyFile(folder)} ${why}`);
