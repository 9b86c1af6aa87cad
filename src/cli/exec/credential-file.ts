// The file by which a command gets its credential: for the command's user alone, replaced whole, gone in the end.
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { lstat, mkdtemp, open, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Secret } from '../../domain/secret.js';
import { EXIT, Failure } from '../failure.js';
import type { Say } from './say.js';

const MOST_BYTES = 256 * 1024;

export class CredentialFile {
  readonly path: string;
  readonly #folder: string | undefined;
  #isRemoved = false;

  private constructor(path: string, folder?: string) {
    this.path = path;
    this.#folder = folder;
  }

  /**
   * At a path; or, where there is none, in a folder that nobody else may look into.
   *
   * @throws Failure where something else is there: in the end it would be gone, and `--file ./agent.sh` is soon written
   */
  static async at(path: string | true): Promise<CredentialFile> {
    if (path !== true) {
      if (await isFreeOrOurs(path)) return new CredentialFile(resolve(path));
      throw new Failure(EXIT.notStarted, `${path} is there already, and is no credential: name another file`);
    }
    try {
      const folder = await mkdtemp(join(tmpdir(), 'mayfly-exec-'));
      return new CredentialFile(join(folder, 'credential'), folder);
    } catch (error) {
      throw new Failure(EXIT.notStarted, `no folder can be made in ${tmpdir()} (${codeOf(error)})`);
    }
  }

  /** Written beside its place and then moved there: whoever reads gets all of the old one or all of the new one. */
  async put(credential: Secret): Promise<void> {
    const beside = `${this.path}.${randomBytes(6).toString('hex')}`;
    try {
      const file = await open(beside, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
      try {
        await file.writeFile(credential.reveal());
      } finally {
        await file.close();
      }
      await rename(beside, this.path);
    } catch (error) {
      await rm(beside, { force: true });
      throw new Failure(EXIT.notStarted, `${this.path} cannot be written (${codeOf(error)})`);
    }
  }

  /** Never throws: how the command ended is not to be lost by what it made of the place. */
  async remove(say: Say): Promise<void> {
    if (this.#isRemoved) return;
    this.#isRemoved = true;
    await removed(this.#folder ?? this.path, this.#folder !== undefined, say);
  }
}

export async function removed(path: string, recursive: boolean, say: Say): Promise<void> {
  try {
    await rm(path, { recursive, force: true });
  } catch (error) {
    say(`${path} could not be removed (${codeOf(error)})`);
  }
}

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;

/** What a `mayfly exec` left behind that was killed: a file for its user alone, of one line without an end. */
async function isFreeOrOurs(path: string): Promise<boolean> {
  try {
    const stat = await lstat(path);
    const isOwn = stat.isFile() && stat.uid === process.getuid?.() && (stat.mode & 0o777) === 0o600;
    return isOwn && stat.size <= MOST_BYTES && !(await readFile(path, 'utf8')).includes('\n');
  } catch (error) {
    return codeOf(error) === 'ENOENT';
  }
}
