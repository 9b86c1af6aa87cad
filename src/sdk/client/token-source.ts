// Where a workload token comes from, asked anew at each call: platforms replace tokens while we run.
import { MayflyError } from './errors.js';

/**
 * A token as it stands; a file that is read at each call, as of a projected volume, or a variable of the environment
 * (Node only); or a function that is asked at each call.
 */
export type TokenSource =
  string | { readonly file: string } | { readonly env: string } | (() => string | Promise<string>);

/** @throws MayflyError `ERR_TOKEN_SOURCE`, which never shows the token */
export async function tokenFrom(source: TokenSource | undefined): Promise<string> {
  if (source === undefined) throw lacking('there is no workload token: give the client one');
  if (typeof source === 'string') return fit(source, 'the token');
  if (typeof source === 'function') return fit(await source(), 'what the token source gave');
  if ('env' in source) return fit(readVariable(source.env), `the variable ${source.env}`);
  return fit(readFile(source.file), source.file);
}

/** The one that the caller names, and no other. */
function readVariable(name: string): string {
  const value = globalThis.process?.env?.[name];
  if (value === undefined) throw lacking(`the variable ${name} is not set`);
  return value;
}

/** Without an import, so that bundles for browsers need nothing in the place of Node's modules. */
function readFile(file: string): string {
  const fs = globalThis.process?.getBuiltinModule?.('node:fs');
  if (!fs) throw lacking('a token file is read in Node only: give the client a function');
  try {
    return fs.readFileSync(file, 'utf8');
  } catch (error) {
    throw lacking(`the token file ${file} cannot be read (${(error as { code?: string }).code})`);
  }
}

/** What no header can carry is found out here: fetch would quote it, token and all, in its error. */
function fit(text: unknown, place: string): string {
  const token = typeof text === 'string' ? text.trim() : '';
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw lacking(`${place} ${token === '' ? 'is empty' : 'holds something that is no token'}`);
}

const lacking = (message: string): MayflyError => new MayflyError('ERR_TOKEN_SOURCE', message);
