// The workload token that a command proves itself with: where it comes from, and that it is fit to be sent.
import { readFileSync } from 'node:fs';
import type { CliEnvironment } from '../config/environment.js';
import { Secret } from '../domain/secret.js';
import { EXIT, Failure } from './failure.js';

/** Read at each request: platforms replace the files of workload tokens while we run. */
export type TokenSource = () => Secret;

/** An option goes before the environment, and there a file before a value. */
export function tokenSource(option: string | undefined, { tokenFile, token }: CliEnvironment): TokenSource {
  const file = option ?? tokenFile;
  if (file !== undefined) return () => fit(readToken(file), file);
  if (token !== undefined) return () => fit(token.reveal(), 'MAYFLY_TOKEN');
  return () => {
    throw new Failure(
      EXIT.denied,
      'there is no workload token: give --token-file, or set MAYFLY_TOKEN_FILE or MAYFLY_TOKEN',
    );
  };
}

function readToken(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new Failure(
      EXIT.denied,
      `the token file ${file} cannot be read (${(error as NodeJS.ErrnoException).code})`,
    );
  }
}

/** What no header can carry is found out here: fetch would quote it, token and all, in its error. */
function fit(text: string, place: string): Secret {
  const token = text.trim();
  if (/^[\x21-\x7e]+$/.test(token)) return new Secret(token);
  throw new Failure(
    EXIT.denied,
    `${place} ${token === '' ? 'is empty' : 'holds something that is no token'}`,
  );
}
