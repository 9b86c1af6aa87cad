// Reads the policies: one Cedar file, or all of a folder, with their text as it was when it was read, and what is wrong.
import type { Dirent } from 'node:fs';
import { readFile, readdir, stat } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import type { LoadedPolicies } from '../policy/cedar/load.js';
import { loadPolicies, UnreadablePolicies } from '../policy/cedar/load.js';
import type { PolicyFile, PolicyFlaw } from '../policy/cedar/parse.js';
import type { Mistake } from './mistakes.js';

/**
 * The policies of a path, relative to `folder`. Files stand in the order of their names; what is wrong with one of them
 * has its place there, from where `folder` is told from, so that somebody can go to it; what is wrong with the path is
 * a text.
 */
export async function readPolicies(
  path: string,
  folder: string,
): Promise<LoadedPolicies | readonly Mistake[] | string> {
  const read = await readFiles(resolve(folder, path));
  if (typeof read === 'string') return `${path}: ${read}`;
  const flaws = read.filter((one) => 'message' in one);
  if (flaws.length > 0)
    return flaws.map((flaw) => ({ ...flaw, file: policyPlace(path, flaw.file), path: '' }));
  const loaded = await loadPolicies(read.filter((one) => 'text' in one)).catch(failure);
  if (typeof loaded === 'string') return `${path}: ${loaded}`;
  if ('set' in loaded) return loaded;
  const near = isAbsolute(path) ? path : join(folder, path);
  return loaded.mistakes.map((flaw) => ({ ...flaw, file: policyPlace(near, flaw.file), path: '' }));
}

/** Where a file of the policies is, by the path that the configuration names. */
export const policyPlace = (path: string, file: string): string =>
  join(path.endsWith('.cedar') ? dirname(path) : path, file);

function failure(error: unknown): string {
  if (!(error instanceof UnreadablePolicies)) throw error;
  return error.message;
}

async function readFiles(path: string): Promise<readonly (PolicyFile | PolicyFlaw)[] | string> {
  let isFolder: boolean;
  let paths: readonly string[];
  try {
    isFolder = (await stat(path)).isDirectory();
    const entries = isFolder ? await readdir(path, { withFileTypes: true }) : [];
    const overlooked = await overlookedIn(path, entries);
    if (overlooked !== undefined) return overlooked;
    paths = isFolder ? entries.map(({ name }) => join(path, name)) : [path];
  } catch (error) {
    return unreadable(error);
  }
  const wanted = paths.filter((one) => one.endsWith('.cedar')).toSorted();
  if (wanted.length === 0)
    return isFolder ? 'is a folder without a .cedar file' : 'must be a folder, or a .cedar file';
  const files: (PolicyFile | PolicyFlaw)[] = [];
  // One after the other: thousands at once would be more than may be open.
  for (const one of wanted) {
    const text = await readText(one);
    files.push('text' in text ? { name: basename(one), ...text } : { file: basename(one), ...text });
  }
  return files;
}

/** A forbid that nobody reads would look as if it held: what was meant as a policy and would be passed over is a mistake. */
async function overlookedIn(path: string, entries: readonly Dirent[]): Promise<string | undefined> {
  for (const entry of entries) {
    const { name } = entry;
    if (/\.cedar$/i.test(name) && !name.endsWith('.cedar'))
      return `${name} would not be read: call it .cedar`;
    // Where Kubernetes mounts a ConfigMap, what is hidden holds the files that the others are links to.
    if (!entry.isDirectory() || name.startsWith('.')) continue;
    const within = (await readdir(join(path, name))).find((one) => one.endsWith('.cedar'));
    if (within !== undefined) return `${name}/${within} would not be read: move it up, beside the others`;
  }
  return undefined;
}

/** Ten thousand policies are two megabytes. */
const MOST_BYTES = 16 * 2 ** 20;
const UTF8 = new TextDecoder('utf-8', { fatal: true });

async function readText(path: string): Promise<{ readonly text: string } | { readonly message: string }> {
  try {
    const found = await stat(path);
    // To read a pipe would be to wait for whoever writes into it.
    if (!found.isFile()) return { message: 'must be a file' };
    if (found.size > MOST_BYTES)
      return { message: `is larger than ${MOST_BYTES} bytes: write several files` };
    return { text: UTF8.decode(await readFile(path)) };
  } catch (error) {
    return { message: unreadable(error) };
  }
}

const unreadable = (error: unknown): string => {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ERR_ENCODING_INVALID_ENCODED_DATA' ? 'must be UTF-8 text' : `cannot be read (${code})`;
};
