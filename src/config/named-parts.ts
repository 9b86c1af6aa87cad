// Reads what a part of the configuration names and must not hold itself: files, and variables with secrets.
import { resolve } from 'node:path';
import { Secret } from '../domain/secret.js';
import { type Environment, namedSecret } from './environment.js';
import type { Path } from './mistakes.js';
import { Flaw, textOf } from './pem.js';

/** Readers for the part at `at`; what is wrong with something that it names is said there. */
export function namedParts(
  at: Path,
  folder: string,
  environment: Environment | undefined,
  say: (path: Path, message: string) => void,
) {
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
      say([...at, ...path], error.message);
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
  return { from, inFile, inEnvironment };
}

/** Editors and `echo` end a file with a line break; more than one line is a file of something else. */
export function passwordIn(text: string): Secret {
  const password = text.replace(/\r?\n$/, '');
  if (password === '') throw new Flaw('is empty');
  if (/[\r\n]/.test(password))
    throw new Flaw('has more than one line: it must hold the password and nothing else');
  return new Secret(password);
}
