// A key for one run: made when it begins, in a place that nobody else may look into, and gone when it ends.
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newDpopJwk } from '../../sdk/client/index.js';
import { EXIT, Failure } from '../failure.js';
import { writeKeyFile } from '../key-file.js';
import { removed } from './credential-file.js';
import type { Say } from './say.js';

export class RunKey {
  readonly path: string;
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
    this.path = join(folder, 'key.jwk');
  }

  /** @throws Failure where there is no place for it */
  static async make(): Promise<RunKey> {
    try {
      const key = new RunKey(await mkdtemp(join(tmpdir(), 'mayfly-key-')));
      writeKeyFile(key.path, await newDpopJwk());
      return key;
    } catch (error) {
      const why = error instanceof Failure ? error.message : (error as NodeJS.ErrnoException).code;
      throw new Failure(EXIT.notStarted, `no key can be kept in ${tmpdir()} (${why})`);
    }
  }

  async remove(say: Say): Promise<void> {
    await removed(this.#folder, true, say);
  }
}
