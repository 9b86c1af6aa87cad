// The keys that seal secrets at rest: whether they are there and well formed, without showing any.
import { existsSync, readFileSync } from 'node:fs';
import { givenSealKeys } from '../../config/environment.js';
import { ConfigurationError } from '../../config/mistakes.js';
import type { Settings } from '../../config/settings.js';
import { isLoopback } from '../../domain/loopback.js';
import { Secret } from '../../domain/secret.js';
import { Seal, SealError } from '../../keys/seal.js';
import { type Finding, broken, caution, ok } from './finding.js';

export interface SealFound {
  readonly finding: Finding;
  /** Absent where no key can be used. */
  readonly seal?: Seal;
}

const CHECK = 'seal_key';
const MAKE_ONE =
  'Make one with `openssl rand -base64 32`, and keep it apart from the store: without it, what is sealed is lost.';
const CORRECT_IT =
  'Correct that. Make another one (openssl rand -base64 32) for a new store alone: what this one has sealed, no other opens.';

export function sealFrom(settings: Settings): SealFound {
  try {
    const keys = givenSealKeys();
    if (keys) return { finding: ok(CHECK, countText(keys.length)), seal: new Seal(keys) };
  } catch (error) {
    if (!(error instanceof ConfigurationError) && !(error instanceof SealError)) throw error;
    const [mistake] = error instanceof ConfigurationError ? error.mistakes : [];
    const why = mistake ? `${mistake.path} ${mistake.message}` : error.message;
    return { finding: broken(CHECK, why, CORRECT_IT) };
  }
  return besideTheStore(settings);
}

const countText = (count: number): string =>
  count === 1 ? 'there is one, of 32 bytes' : `there are ${count}: the first seals, all of them open`;

/** What a broker for this machine alone makes for itself. */
function besideTheStore({ issuer, store }: Settings): SealFound {
  if (!isLoopback(new URL(issuer).hostname))
    return {
      finding: broken(CHECK, 'MAYFLY_SEAL_KEY is not set: no broker starts without it here', MAKE_ONE),
    };
  if (store.kind !== 'embedded')
    return {
      finding: broken(CHECK, 'MAYFLY_SEAL_KEY is not set, and brokers on one Redis need the same', MAKE_ONE),
    };
  const file = `${store.path}.seal-key`;
  const todo = 'For more than development, set MAYFLY_SEAL_KEY.';
  if (!existsSync(file))
    return { finding: caution(CHECK, `MAYFLY_SEAL_KEY is not set: the broker will make ${file}`, todo) };
  try {
    const seal = new Seal([new Secret(readFileSync(file, 'utf8').trim())]);
    return {
      finding: caution(CHECK, `MAYFLY_SEAL_KEY is not set: ${file} is used, beside what it seals`, todo),
      seal,
    };
  } catch (error) {
    return { finding: broken(CHECK, `${file} is of no use: ${(error as Error).message}`, CORRECT_IT) };
  }
}
