// A credential that is shown to a command: from a file or standard input, never as an argument, which everybody sees.
import { readFileSync } from 'node:fs';
import { usage } from './failure.js';
import type { Shell } from './shell.js';

/** @param file `-` for standard input */
export async function shownCredential(file: string, shell: Pick<Shell, 'input'>): Promise<string> {
  const credential = (file === '-' ? await shell.input() : read(file)).trim();
  if (credential === '') throw usage(`${file === '-' ? 'standard input' : file} is empty`);
  return credential;
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw usage(`${file} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}
