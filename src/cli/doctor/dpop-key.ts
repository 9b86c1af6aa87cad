// The key file that proofs are made with: whether it is one, and kept from others.
import type { DpopKey } from '../../sdk/client/index.js';
import { Failure } from '../failure.js';
import { readKeyFile } from '../key-file.js';
import { type Finding, broken, ok } from './finding.js';

const CHECK = 'dpop_key';

export async function dpopKeyAt(file: string): Promise<{ finding: Finding; key?: DpopKey }> {
  try {
    const key = await readKeyFile(file);
    return {
      finding: ok(CHECK, `${file} is a key, kept from others; its thumbprint is ${key.thumbprint}`),
      key,
    };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { finding: broken(CHECK, error.message, `Make another one: mayfly dpop-key new FILE`) };
  }
}
