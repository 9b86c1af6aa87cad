// Reads the policies: one Cedar file, or all of a folder, with their text as it was when it was read.
import { readFile, readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';

export interface PolicyFile {
  readonly name: string;
  readonly text: string;
}

/** The policy files in the order of their names, or what is wrong. */
export async function readPolicies(path: string): Promise<readonly PolicyFile[] | string> {
  try {
    const isFolder = (await stat(path)).isDirectory();
    const paths = isFolder ? (await readdir(path)).map((name) => join(path, name)) : [path];
    const wanted = paths.filter((one) => one.endsWith('.cedar')).toSorted();
    if (wanted.length === 0)
      return isFolder ? 'is a folder without a .cedar file' : 'must be a folder, or a .cedar file';
    return await Promise.all(
      wanted.map(async (one) => ({ name: basename(one), text: await readFile(one, 'utf8') })),
    );
  } catch (error) {
    return `cannot be read (${(error as NodeJS.ErrnoException).code})`;
  }
}
