// Reads a key set from a file: public keys that can verify what the issuer signs, and nothing else.
import { createPublicKey, type JsonWebKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { ALGORITHM_FACTS, type SignatureAlgorithm } from '../jws/algorithms.js';

export interface KeySet {
  readonly keys: readonly Record<string, unknown>[];
}

/** RFC 7518 §6: members that are private, or the whole of a symmetric key. */
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];
const LEAST_RSA_BITS = 2048;
const KEY_SET_WANTED = 'is not a key set: it must be {"keys": [ … ]} with at least one public key';

const keySet = z.looseObject({ keys: z.array(z.record(z.string(), z.unknown())).min(1) });

/**
 * The key set, or what is wrong with it: one line per flaw, and never a value from the file.
 * Without `algorithms`, because those are wrong themselves, any public key will do.
 */
export async function readKeySet(
  path: string,
  algorithms: readonly SignatureAlgorithm[] | undefined,
): Promise<{ readonly keySet: KeySet } | { readonly flaws: readonly string[] }> {
  let json: unknown;
  try {
    json = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    const unread = `cannot be read (${(error as NodeJS.ErrnoException).code})`;
    return { flaws: [error instanceof SyntaxError ? 'is not JSON' : unread] };
  }
  const parsed = keySet.safeParse(json);
  if (!parsed.success) return { flaws: [KEY_SET_WANTED] };
  const { keys } = parsed.data;
  const flaws = keys.flatMap((key, index) => {
    const flaw =
      flawOf(key) ?? (sharesKid(key, keys.slice(0, index)) ? 'has the kid of an earlier key' : undefined);
    return flaw === undefined ? [] : [`keys[${index}] ${flaw}`];
  });
  if (flaws.length > 0) return { flaws };
  if (algorithms && !keys.some((key) => algorithms.some((algorithm) => fits(key, algorithm)))) {
    return { flaws: [`has no key for ${algorithms.join(' or ')}`] };
  }
  return { keySet: { keys } };
}

function flawOf(key: Record<string, unknown>): string | undefined {
  if (key['kty'] === 'oct') return 'is symmetric: whoever can check a token could make one';
  if (PRIVATE_MEMBERS.some((member) => member in key))
    return 'is a private key: only the public half belongs here';
  try {
    const { asymmetricKeyDetails } = createPublicKey({ key: key as JsonWebKey, format: 'jwk' });
    const bits = asymmetricKeyDetails?.modulusLength;
    if (bits !== undefined && bits < LEAST_RSA_BITS)
      return `is an RSA key of ${bits} bits: at least ${LEAST_RSA_BITS}`;
    return undefined;
  } catch {
    return 'is no public key that can be used';
  }
}

const sharesKid = (key: Record<string, unknown>, earlier: readonly Record<string, unknown>[]): boolean =>
  key['kid'] !== undefined && earlier.some((other) => other['kid'] === key['kid']);

function fits(key: Record<string, unknown>, algorithm: SignatureAlgorithm): boolean {
  const { kty, crv } = ALGORITHM_FACTS[algorithm];
  if (key['kty'] !== kty || (crv !== undefined && key['crv'] !== crv) || key['use'] === 'enc') return false;
  // RFC 9864: `EdDSA` and `Ed25519` mean the same key.
  return key['alg'] === undefined || key['alg'] === algorithm || kty === 'OKP';
}
