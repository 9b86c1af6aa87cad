// The key that credentials are bound to (DPoP), in a file for its owner alone: whoever has both has the credential.
import { closeSync, fstatSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { DpopKey, type DpopJwk, MayflyError } from '../sdk/client/index.js';
import { EXIT, Failure } from './failure.js';

const MOST_BYTES = 16 * 1024;
const OTHERS = 0o077;

/** Read at its first use, once: a lease that is bound to a key is renewed with this one alone. */
export function keyFrom(file: string): () => Promise<DpopKey> {
  let key: Promise<DpopKey> | undefined;
  return () => (key ??= readKeyFile(file));
}

/** @throws Failure where it is no such key, or was within the reach of others */
export async function readKeyFile(file: string): Promise<DpopKey> {
  try {
    return await DpopKey.fromJwk(jwkIn(file));
  } catch (error) {
    if (!(error instanceof MayflyError)) throw error;
    throw unusable(file, `is not what mayfly dpop-key new writes: ${error.message}`);
  }
}

function jwkIn(file: string): object {
  const text = readOwn(file);
  try {
    const jwk: unknown = JSON.parse(text);
    if (typeof jwk === 'object' && jwk !== null) return jwk;
  } catch {
    // What the parser says quotes what it has read, which may be a key.
  }
  throw unusable(file, 'is no JWK (RFC 7517)');
}

/** Of the open file, and not of its name: between two looks at a name there may be another file. */
function readOwn(file: string): string {
  let open: number | undefined;
  try {
    open = openSync(file, 'r');
    const { mode, size } = fstatSync(open);
    if ((mode & OTHERS) !== 0)
      throw unusable(file, `is open to others: chmod 600 ${file}, and make another if they may have read it`);
    if (size > MOST_BYTES) throw unusable(file, 'is no JWK (RFC 7517)');
    return readFileSync(open, 'utf8');
  } catch (error) {
    if (error instanceof Failure) throw error;
    const { code } = error as NodeJS.ErrnoException;
    throw unusable(file, code === 'ENOENT' ? 'is not there' : `cannot be read (${code})`);
  } finally {
    if (open !== undefined) closeSync(open);
  }
}

/** Never over another one: what is bound to that would be lost. @throws Failure */
export function writeKeyFile(file: string, jwk: DpopJwk): void {
  try {
    writeFileSync(file, `${JSON.stringify(jwk)}\n`, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST')
      throw new Failure(EXIT.usage, `${file} is there already: name another file, or take it away`);
    throw new Failure(EXIT.usage, `${file} cannot be written (${code})`);
  }
}

const unusable = (file: string, why: string): Failure =>
  new Failure(EXIT.configuration, `the key file ${file} ${why}`);
