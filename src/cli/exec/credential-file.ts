// The file by which a command gets its credential: for the command's user alone, replaced whole, gone in the end.
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdtemp, open, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Secret } from '../../domain/secret.js';
import { EXIT, Failure } from '../failure.js';

export class CredentialFile {
  readonly path: string;
  readonly #folder: string | undefined;

  private constructor(path: string, folder?: string) {
    this.path = path;
    this.#folder = folder;
  }

  /** At a path; or, where there is none, in a folder that nobody else may look into. */
  static async at(path: string | true): Promise<CredentialFile> {
    if (path !== true) return new CredentialFile(resolve(path));
    const folder = await mkdtemp(join(tmpdir(), 'mayfly-exec-'));
    return new CredentialFile(join(folder, 'credential'), folder);
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
      const { code } = error as NodeJS.ErrnoException;
      throw new Failure(EXIT.notStarted, `${this.path} cannot be written (${code})`);
    }
  }

  async remove(): Promise<void> {
    await rm(this.#folder ?? this.path, { recursive: this.#folder !== undefined, force: true });
  }
}
