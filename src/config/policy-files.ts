// Reads the policies: one Cedar file, or all of a folder, with their text as it was when it was read, and what is wrong.
import { readFile, readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { LoadedPolicies } from '../policy/cedar/load.js';
import { loadPolicies } from '../policy/cedar/load.js';
import type { PolicyFile } from '../policy/cedar/parse.js';
import type { Mistake } from './mistakes.js';

/**
 * The policies of a path, which is told of as it was written: relative to `folder`. Files stand in the order of their
 * names; what is wrong with one of them has its place there, and what is wrong with the path is a text.
 */
export async function readPolicies(
  path: string,
  folder: string,
): Promise<LoadedPolicies | readonly Mistake[] | string> {
  const files = await readFiles(resolve(folder, path));
  if (typeof files === 'string') return `${path}: ${files}`;
  const loaded = await loadPolicies(files);
  if ('set' in loaded) return loaded;
  return loaded.mistakes.map((flaw) => ({ ...flaw, file: policyPlace(path, flaw.file), path: '' }));
}

/** Where a file of the policies is, by the path that the configuration names. */
export const policyPlace = (path: string, file: string): string =>
  join(path.endsWith('.cedar') ? dirname(path) : path, file);

async function readFiles(path: string): Promise<readonly PolicyFile[] | string> {
  try {
    const isFolder = (await stat(path)).isDirectory();
    const paths = isFolder ? (await readdir(path)).map((name) => join(path, name)) : [path];
    const wanted = paths.filter((one) => one.endsWith('.cedar')).toSorted();
    if (wanted.length === 0)
      return isFolder ? 'is a folder without a .cedar file' : 'must be a folder, or a .cedar file';
    const utf8 = new TextDecoder('utf-8', { fatal: true });
    return await Promise.all(
      wanted.map(async (one) => ({ name: basename(one), text: utf8.decode(await readFile(one)) })),
    );
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ERR_ENCODING_INVALID_ENCODED_DATA' ? 'must be UTF-8 text' : `cannot be read (${code})`;
  }
}
